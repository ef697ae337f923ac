"""Changes on the command line that would do nothing, or set nothing, are refused."""

from __future__ import annotations

import pytest

from harness.config.changes import changed
from harness.config.schema import parse
from harness.core.errors import ConfigError
from tests.config.test_schema import GOOD


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["seed=1", "seed=2"], "'seed=2' sets what 'seed=1' before it sets"),
        (["arms.0.seed=1", f"arms.{GOOD['arms'][0]['name']}.seed=2"], "seed=2' sets what 'arms.0.seed=1' before it sets"),
        (["model.dtype=float32", "model={name: scripted}"], "replaces all of model, and with it 'model.dtype=float32'"),
        (["sweep.pope.limit=3", "sweep=[{name: pope}]"], "replaces all of sweep, and with it 'sweep.pope.limit=3'"),
    ],
)
def test_a_change_that_a_later_one_undoes_is_refused(changes: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD, overrides=changes)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [["seed=1", "seed=1"], ["model={name: scripted}", "model.replies={}"], ["sweep.pope.limit=3", "sweep.pope.items=['1']"]],
)
def test_changes_that_add_to_each_other_or_are_one_are_made(changes: list[str]) -> None:
    changed({"model": {}, "sweep": [{"name": "pope"}]}, changes, faults := [])
    assert not faults


@pytest.mark.parametrize("change", ["seed=", "arms.0.align.beta=", "model.dtype=  "])
def test_a_change_without_a_value_is_refused(change: str) -> None:
    with pytest.raises(ConfigError, match=r"gives no value.*=null for none"):
        parse(GOOD, overrides=[change])
