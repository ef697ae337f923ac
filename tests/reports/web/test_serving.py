"""A port that is taken is refused in one line, and no socket is left open; pages are compiled once."""

from __future__ import annotations

import gc
import socket
import warnings
from pathlib import Path

import jinja2
import pytest

from harness.core.errors import ConfigError
from reports.web.serving import check_free
from tests.reports.web.desks import new_desk, new_site


def test_a_port_that_is_taken_is_refused_and_no_socket_stays_open() -> None:
    with socket.socket() as taken, warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Port {port} of 127.0.0.1 cannot be had: another program listens there"):
            check_free("127.0.0.1", port)
        gc.collect()


def test_a_free_port_stays_free() -> None:
    with socket.socket() as drawn:
        drawn.bind(("127.0.0.1", 0))
        port = drawn.getsockname()[1]
    check_free("127.0.0.1", port)
    check_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused_with_its_reason() -> None:
    with pytest.raises(ConfigError, match=r"Port 80 of 192\.0\.2\.1 cannot be had"):
        check_free("192.0.2.1", 80)


def test_the_pages_of_another_site_are_those_that_were_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    new_site(new_desk(tmp_path))
    monkeypatch.setattr(jinja2.Environment, "compile", lambda *_, **__: pytest.fail("compiled again"))
    new_site(new_desk(tmp_path))
