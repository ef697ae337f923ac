"""The questions that a study answers, found in what its arms vary: one for each setting, with direct tests and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.core.run_record import RunRecord, SweepResult
from reports.questions import factors as varied
from reports.questions import words
from reports.questions.direct_tests import Measured, direct_tests, level_pairs
from reports.tables.methods import Method
from reports.tables.same_weights import Repeats
from reports.text.settings import settings_of
from reports.values.questions import Question, Settings
from reports.values.table import Column, Table

MOST_QUESTIONS = 8


def questions(
    records: Sequence[RunRecord],
    columns: Sequence[Column],
    sweeps: Sequence[SweepResult],
    found: Sequence[Method],
    table: Table,
    repeated: Mapping[str, Repeats],
) -> tuple[Question, ...]:
    """At most `MOST_QUESTIONS`, those with most arms first; none for fewer than two arms. Of arms that cannot be tested against
    each other (other seeds, another protocol) the question stays, with the reason in place of tests.

    Args:
        columns, sweeps: of all checkpoints; found: the methods among them; table: the short one, of these columns.
        repeated: by benchmark, the columns of the table that repeat an earlier one.
    """
    place = {column.label: i for i, column in enumerate(columns)}
    of_run = {record.run_id: record for record in records}
    arms: list[tuple[int, Settings]] = []
    seeds: list[str] = []
    for number, column in enumerate(table.columns):
        first = column.places[0] if column.places else place[column.label]
        arm, seed = _arm(of_run[columns[first].run_id], sweeps[first].label)
        seeds.append(seed)
        if arm and columns[first].trained:
            arms.append((number, arm))
    if len(arms) < 2:
        return ()
    methods = [_method(column, place, found, seed) for column, seed in zip(table.columns, seeds, strict=True)]
    measured = Measured(sweeps, methods, repeated)
    made = [_question(factor, arms, table, measured) for factor in varied.factors([settings for _, settings in arms])]
    asked = sorted((one for one in made if one.tests or one.not_tested), key=lambda one: -_size(one))
    return tuple(replace(one, claims=words.claims(one, table)) for one in asked[:MOST_QUESTIONS])


def _size(question: Question) -> int:
    return sum(place is not None for level in question.levels for place in level.columns)


def _arm(record: RunRecord, label: str) -> tuple[Settings, str]:
    """The flat settings of an arm with its model and data, and its seed; empty where the configuration does not have it."""
    config = settings_of(record)
    arms = config.get("arms")
    named = [arm for arm in arms if isinstance(arm, Mapping) and arm.get("name") == label] if isinstance(arms, list) else []
    if not named:
        return {}, ""
    own = named[0].get("seed")
    whole = {**named[0], **{key: config[key] for key in ("model", "data") if config.get(key) is not None}}
    return varied.flat(whole), str(config.get("seed", 0) if own is None else own)


def _method(column: Column, place: Mapping[str, int], found: Sequence[Method], seed: str) -> Method:
    if not column.places:
        return Method(column.label, (place[column.label],), (seed,))
    return next(method for method in found if method.places == column.places)


def _question(factor: varied.Factor, arms: Sequence[tuple[int, Settings]], table: Table, measured: Measured) -> Question:
    settings, places = [own for _, own in arms], [number for number, _ in arms]
    labels = [table.columns[number].label for number in places]
    levels = varied.levels(factor, settings, labels, places)
    pairs, reference = level_pairs(levels, 0)
    of, keys = dict(arms), frozenset(factor.keys)
    tests, left_out = direct_tests(measured, table, levels, pairs, lambda a, b: varied.differing(of[a], of[b]) == keys)
    return Question(
        keys=factor.keys,
        title=words.title_of_keys(factor.keys),
        levels=tuple(levels),
        contexts=varied.contexts(factor, settings, labels),
        tests=tuple(tests),
        reference=reference,
        not_tested=tuple(left_out),
    )
