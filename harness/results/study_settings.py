"""A study's settings as they run, defaults filled in and values in their types, beside those that the study is shipped with.

A study of the paper (`study:table6`) says which settings its notes speak of, and keeps its own (`TableNotes.shipped`), so that
a report tells what a command line or an edited file has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.config.option_faults import SOURCES_INSIDE
from harness.config.schema import RunConfig
from harness.config.study_tables import TableNotes
from harness.core import registry
from harness.core.errors import HarnessError
from harness.core.options.option import Option
from harness.core.options.source import HELD, held_options
from harness.core.options.types import typed

# Of the training loop: what changes speed, memory and files only.
_NO_EFFECT = ("micro_batch", "gradient_checkpointing", "save_every", "keep_states", "trackers")
_SWEPT = "sweep."  # of a key, in front of a benchmark's name: whether it is swept
_TRAINED = ("arms.", "reward_models.")


class Setting(NamedTuple):
    """An option of a plug-in (`of`; "" of the arm's own) by its name with the keys inside it, and its place in the study."""

    of: str
    name: str
    place: str
    value: Any  # Any: a YAML value
    default: Any


class Change(NamedTuple):
    """A setting that is not as shipped; `was` is None where the study has no value there."""

    setting: Setting
    was: Any  # Any: a YAML value


Parts = Mapping[str, Sequence[Setting]]  # "arms.dpo", "sweep.pope", "model" -> its settings


def parts_of(config: RunConfig) -> Parts:
    return {name: tuple(_settings(name, part)) for name, part in config.parts.items()}


def shipped_parts(table: TableNotes) -> Parts:
    return {name: tuple(_settings(name, _read(text))) for name, text in table.shipped.items()}


def _read(text: str) -> Mapping[str, Any]:
    """A part of `shipped`; empty for what an edit has broken."""
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    return values if isinstance(values, Mapping) else {}


def shown(value: Any) -> str:  # Any: a YAML value
    """A value as one would write it in a study."""
    if value is None or value == "":
        return "not set"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Compared:
    """The settings that ran beside those as shipped."""

    mine: Parts
    shipped: Parts

    def twin(self, part: str) -> str:
        """The shipped part that a part stands for: of its name, or the one with the longest name in front ("arms.dpo" of the
        point "arms.dpo-beta0.1"); "" for none."""
        return nearest_in_front(part, self.shipped)

    def changes(self, part: str) -> list[Change]:
        """The settings of a part that differ from its shipped ones; of another plug-in the name alone. Seeds, and paths to a
        folder of the same name, are no change."""
        own = {s.place.removeprefix(part): s for s in self.mine[part]}
        theirs = {s.place.removeprefix(self.twin(part)): s for s in self.shipped.get(self.twin(part), ())}
        found = list[Change]()
        for place in dict.fromkeys([*own, *theirs]):
            mine, was = own.get(place), theirs.get(place)
            if place == "seed" or _is_alike(mine, was):
                continue
            one = mine or was
            assert one is not None
            found.append(Change(one._replace(value=mine.value if mine else None), was.value if was else None))
        renamed = [one.setting.place.removesuffix("name") for one in found if one.setting.name == "name"]
        return [c for c in found if c.setting.name == "name" or not c.setting.place.startswith(tuple(renamed))]

    def said(self, text: str, keys: Iterable[str]) -> str | None:
        """A note on the settings of these keys ("bdhs.temperature"): its text while they are as shipped, else also their
        values; without a text always the values. None where no part of the study has them."""
        found = [(part, setting) for part, all_of in self.mine.items() for setting in all_of if _is_of(setting, keys)]
        swept = [key.removeprefix(_SWEPT) for key in keys if key.startswith(_SWEPT)]
        if not found and not swept:
            return None
        if not text:
            return self._values(found)
        changed: dict[str, list[str]] = {}
        for part, setting in found:
            if self._is_changed(part, setting):
                changed.setdefault(f"{_word(setting)} {shown(setting.value)}", []).append(_label(part))
        everywhere = {_label(part) for part, _ in found}
        words = [
            what if {*parts} == everywhere else f"{what} ({', '.join(dict.fromkeys(parts))})" for what, parts in changed.items()
        ]
        words += [f"{name} is {'' if _sweeps(self.mine, name) else 'not '}swept" for name in swept if self._is_other(name)]
        return f"changed here: {'; '.join(words)}; as shipped: {text}" if words else text

    def _values(self, found: Sequence[tuple[str, Setting]]) -> str:
        """ "beta 0.05, clip_range 0.1 (changed here from 0.2)"; a value of some of the arms alone with their names."""
        words, names = list[str](), dict.fromkeys(_word(setting) for _, setting in found)
        for name in names:
            values: dict[str, list[str]] = {}
            for part, setting in found:
                if _word(setting) == name:
                    was = self._was(part, setting)
                    is_new = self._is_changed(part, setting)
                    mark = "" if not is_new else " (changed here)" if was is None else f" (changed here from {shown(was)})"
                    values.setdefault(shown(setting.value) + mark, []).append(_label(part))
            several = len(values) > 1
            words.append(f"{name} " + ", ".join(f"{v} in {' and '.join(p)}" if several else v for v, p in values.items()))
        return ", ".join(words)

    def _was(self, part: str, setting: Setting) -> Any:  # Any: a YAML value
        return next((s.value for s in self.shipped.get(self.twin(part), ()) if s.place == setting.place), None)

    def _is_changed(self, part: str, setting: Setting) -> bool:
        """Beside the part it stands for; of a new one, beside all values as shipped, else the default."""
        theirs = [s for s in self.shipped.get(self.twin(part), ()) if s.place == setting.place]
        if theirs:
            return not _is_alike(setting, theirs[0])
        every = [s for all_of in self.shipped.values() for s in all_of if (s.of, s.name) == (setting.of, setting.name)]
        return setting.value not in ([s.value for s in every] or [setting.default])

    def _is_other(self, benchmark: str) -> bool:
        return _sweeps(self.mine, benchmark) != _sweeps(self.shipped, benchmark)


def nearest_in_front(part: str, names: Iterable[str]) -> str:
    """The name itself, or the longest of which it is a point, a seed or a round; "" for none."""
    fitting = [name for name in names if part == name or part.startswith(f"{name}-")]
    return max(fitting, key=len, default="")


def is_trained(part: str) -> bool:
    return part.startswith(_TRAINED)


def _label(part: str) -> str:
    """ "dpo" of "arms.dpo"."""
    return part.partition(".")[2] or part


def _word(setting: Setting) -> str:
    """A setting as a sentence calls it: without the mapping that it lies in."""
    head, _, rest = setting.name.partition(".")
    return rest if head in HELD and rest else setting.name


def _is_of(setting: Setting, keys: Iterable[str]) -> bool:
    full = f"{setting.of}.{setting.name}" if setting.of else setting.name
    return any(full == key or full.startswith(f"{key}.") for key in keys)


def _is_alike(one: Setting | None, other: Setting | None) -> bool:
    name = (one or other or Setting("", "", "", None, None)).name.rpartition(".")[2]
    if name in _NO_EFFECT:
        return True
    mine, theirs = one.value if one else None, other.value if other else None
    if name == "path" and isinstance(mine, str) and isinstance(theirs, str):
        return last_part(mine) == last_part(theirs)
    return bool(mine == theirs)


def last_part(path: str) -> str:
    """The folder's own name, or the model's in its organisation's."""
    return path.rstrip("/").rpartition("/")[2].casefold()


def _sweeps(parts: Parts, benchmark: str) -> bool:
    return any(s.name == "name" and s.value == benchmark for p, all_of in parts.items() if p.startswith(_SWEPT) for s in all_of)


def _settings(part: str, values: Mapping[str, Any]) -> Iterator[Setting]:
    if is_trained(part):
        yield Setting("", "seed", "seed", values.get("seed"), None)
        for key in ("after", "reference"):
            yield Setting("", key, key, values.get(key), None)
        yield from _plugin("source", "pairs", values.get("pairs") or {})
        yield from _plugin("aligner", "align", values.get("align") or {})
    else:
        yield from _plugin("model" if part == "model" else "benchmark", part, values)


def _plugin(kind: str, place: str, spec: Mapping[str, Any]) -> Iterator[Setting]:
    """The options of a plug-in, given and default, and those of plug-ins inside it."""
    name = str(spec.get("name", ""))
    table = _table(kind, name)
    yield Setting(name, "name", f"{place}.name", name, None)
    defaults = {option.name: option.default for option in table if not option.needed}
    given = typed({key: value for key, value in spec.items() if key != "name"}, table)
    for key, value in {**defaults, **given}.items():
        inside = value if isinstance(value, Mapping) else {}
        if kind == "source" and key in SOURCES_INSIDE and inside:
            yield from _plugin("source", f"{place}.{key}", inside)
        elif kind == "aligner" and key == "judge" and inside:
            yield from _plugin("judge", f"{place}.{key}", inside)
        elif name == "online_bdhs" and key == "bdhs":
            yield from _plugin("source", f"{place}.{key}", {"name": "bdhs", **inside})
        elif kind == "aligner" and key in HELD:
            yield from _held(name, key, f"{place}.{key}", inside, held_options(key))
        elif kind == "aligner" and key == "dpo":
            losses = [option for option in _table("aligner", "dpo") if option.name not in ("training", "seed")]
            yield from _held(name, key, f"{place}.{key}", inside, losses)
        else:
            yield from _flat(Setting(name, key, f"{place}.{key}", value, defaults.get(key)))


def _held(of: str, name: str, place: str, values: Mapping[str, Any], table: Sequence[Option]) -> Iterator[Setting]:
    """The options in a mapping of an aligner's, with their defaults."""
    defaults = {option.name: option.default for option in table if not option.needed}
    for key, value in {**defaults, **typed(values, table)}.items():
        yield from _flat(Setting(of, f"{name}.{key}", f"{place}.{key}", value, defaults.get(key)))


def _flat(setting: Setting) -> Iterator[Setting]:
    if not isinstance(setting.value, Mapping) or not setting.value:
        yield setting
        return
    for key, value in setting.value.items():
        yield from _flat(Setting(setting.of, f"{setting.name}.{key}", f"{setting.place}.{key}", value, None))


def _table(kind: str, name: str) -> Sequence[Option]:
    """The options of a plug-in; none of one that is no longer installed."""
    try:
        return registry.options(kind, name)
    except HarnessError:
        return ()
