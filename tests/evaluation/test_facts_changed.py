"""What asked a model begins again where it answers under other facts than it told, and a few times at most."""

from __future__ import annotations

import pytest

from harness.core.errors import FactsChanged
from harness.evaluation.facts_changed import begun_again

CHANGED = FactsChanged({"a": "1", "same": "x"}, {"a": "2", "same": "x", "new": "3"})


@pytest.mark.parametrize("times", [0, 1, 3])
def test_work_begins_again_until_the_facts_stay(times: int) -> None:
    left, said = [CHANGED] * times, list[str]()

    def work() -> str:
        if left:
            raise left.pop()
        return "done"

    assert begun_again(work, said.append) == "done" and len(said) == times


def test_facts_that_never_stay_end_it_and_are_named() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise CHANGED

    with pytest.raises(FactsChanged, match=r"a is '2', not '1'; new is '3', not '\(none\)'\. "):
        begun_again(work, lambda text: None)
    assert len(tries) == 4
