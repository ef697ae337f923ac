"""Commands that find nothing say so, and none prints an address or starts work before it knows that it can."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import ConfigError, StoreError
from reports.web import serving


def invoked(*words: str, output: Path) -> str:
    result = CliRunner().invoke(app, [*words, "--output", str(output)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("names", ["", " ", ",", " , "])
def test_an_empty_list_of_benchmarks_is_refused_rather_than_all_of_them_swept(names: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--benchmarks names no benchmark"):
        invoked("sweep", "--benchmarks", names, output=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_list_of_no_label_revisions_says_so(tmp_path: Path) -> None:
    assert f"There are no revisions in {tmp_path}" in invoked("labels", "list", output=tmp_path)


def test_a_list_of_no_runs_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no run store in .*Start a run first"):
        invoked("list", "runs", output=tmp_path)


def test_view_names_no_address_while_its_port_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(host: str, port: int) -> None:
        raise ConfigError(f"Port {port} of {host} cannot be had")

    monkeypatch.setattr(serving, "check_free", taken)
    result = CliRunner().invoke(app, ["view", "--port", "8123", "--output", str(tmp_path)])
    assert str(result.exception) == "Port 8123 of 127.0.0.1 cannot be had"
    assert "http" not in result.output
