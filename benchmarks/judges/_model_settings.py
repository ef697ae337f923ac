"""Which settings of a judging model stand in the version of its verdicts: those that can move a reply and are not the default.

They are read from the model's own facts, as they stand in the protocol of an evaluated model. A default adds nothing, so that
verdicts stored without these words are found again; nor do an address, a machine or the version of a library.
"""

from __future__ import annotations

from collections.abc import Mapping

_WHERE_SET = ("extra", "server arguments", "enable_thinking", "thinking tokens", "template date")  # facts that no default has


def settings_of(facts: Mapping[str, str]) -> dict[str, str]:
    """Settings by name, from the facts of any backend; facts that it does not know are left out."""
    found = {name: facts[name] for name in _WHERE_SET if name in facts}
    if facts.get("generation config", "").startswith("ignored"):
        found["generation config"] = facts["generation config"]
    if facts.get("attention", "sdpa") != "sdpa":
        found["attention"] = facts["attention"]
    usual = "float32" if facts.get("device", "").startswith("cpu") else "bfloat16"  # of `dtype: auto`
    if facts.get("dtype", usual) != usual:
        found["dtype"] = facts["dtype"]
    return found


def refuses_temperature(facts: Mapping[str, str]) -> bool:
    """Whether the server takes no temperature and draws as it likes."""
    return "temperature" in facts
