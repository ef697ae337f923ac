"""A base that several runs share is one column, also where an older version stored fewer facts of its protocol."""

from dataclasses import replace

import pytest

from harness.core.run_record import IMAGES, ProtocolRecord
from reports.comparison.compare import compare


def run_on(make, name: str, images: str):
    """A run whose protocols have the digest of these images; of an older version, without that fact, where it is ""."""
    record = make.record(name, seed=len(name))

    def known(result):
        return replace(result, protocol=ProtocolRecord({**result.protocol.facts, **({IMAGES: images} if images else {})}))

    sweeps = tuple(replace(sweep, results=tuple(map(known, sweep.results))) for sweep in record.sweeps)
    return replace(record, sweeps=sweeps)


def bases(*records) -> int:
    return sum(not column.trained for column in compare(records).columns)


@pytest.mark.parametrize("images", [("", "a"), ("a", ""), ("a", "a"), ("", "")])
def test_a_base_of_an_older_version_is_the_same_base(make, images):
    assert bases(*(run_on(make, "x" * n, one) for n, one in enumerate(images, 1))) == 1


@pytest.mark.parametrize("images", [("a", "b"), ("", "a", "b"), ("a", "", "b"), ("a", "b", "")])
def test_bases_on_other_images_stay_two_beside_one_of_an_older_version(make, images):
    assert bases(*(run_on(make, "x" * n, one) for n, one in enumerate(images, 1))) == 2
