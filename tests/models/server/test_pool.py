"""Several addresses that serve one model are used as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpcore2
import pytest

from harness.core.errors import ConfigError
from harness.core.evaluation import Request
from harness.models._server import client as _client
from harness.models.openai import OpenAIModel
from tests.models.fake_server import Said, refused, reply, serving


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "FIRST_WAIT_S", 0.001)


def test_questions_are_shared_between_the_addresses() -> None:
    slow = Said(reply().data, wait_s=0.02)
    with serving(lambda b, n: slow) as one, serving(lambda b, n: slow) as two:
        model = OpenAIModel([one.url, two.url], concurrency=2)
        found = dict(p for batch in model.generate([Request(None, f"q{i}") for i in range(20)]) for p in batch)
        assert sorted(found) == list(range(20))
        assert min(len(one.asked), len(two.asked)) >= 5 and len(one.asked) + len(two.asked) == 20


def test_questions_about_one_image_go_to_one_address(images: list[Path]) -> None:
    with serving() as one, serving() as two:
        asked = [Request(images[0], f"q{i}") for i in range(6)]
        assert sum(len(batch) for batch in OpenAIModel([one.url, two.url]).generate(asked)) == 6
        assert sorted((len(one.asked), len(two.asked))) == [0, 6]


def test_what_one_address_fails_to_answer_the_other_is_asked() -> None:
    with serving(lambda b, n: refused(500)) as one, serving() as two:
        model = OpenAIModel([one.url, two.url], retries=0)
        assert sum(len(batch) for batch in model.generate([Request(None, f"q{i}") for i in range(9)])) == 9
        assert len(two.asked) == 9


def test_the_first_address_names_the_model() -> None:
    with serving() as one, serving() as two:
        alone, pooled = OpenAIModel(one.url), OpenAIModel([one.url, two.url])
    assert pooled.checkpoint == alone.checkpoint and pooled.facts() == alone.facts()


@pytest.mark.parametrize(
    ("models", "says"),
    [([{"id": "other"}], "not in its list"), ([{"id": "tiny", "root": "/models/other"}], "loaded from another place")],
)
def test_addresses_that_serve_another_model_are_refused(models: list[dict[str, Any]], says: str) -> None:
    with serving() as one, serving(models=models) as two, pytest.raises(ConfigError, match=says):
        OpenAIModel([one.url, two.url])


def test_an_address_twice_or_no_address_is_refused() -> None:
    for url in (["http://localhost:1/v1", "http://localhost:1"], [], [3]):
        with pytest.raises(ConfigError, match="url"):
            OpenAIModel(url)  # type: ignore[arg-type]


def test_the_certificates_that_the_environment_names_are_read_once_for_all_servers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read, from_disk = [], httpcore2.default_ssl_context
    monkeypatch.setattr(httpcore2, "default_ssl_context", lambda **of: read.append(of) or from_disk(**of))
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / place))
        with serving() as one, serving() as two:
            OpenAIModel([one.url, two.url])
    assert len(read) == 2
