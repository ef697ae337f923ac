"""Secrets among free options are found by their key or their form; ordinary keys of requests are none."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.options.secrets import secret_in


@pytest.mark.parametrize(("options", "place"), [
    ({"api_key": "x"}, "api_key"),
    ({"headers": {"Authorization": "abc"}}, "headers.Authorization"),
    ({"headers": {"X-API-Key": "abc"}}, "headers.X-API-Key"),
    ({"a": [{"b": {"clientSecret": "abc"}}]}, "a.0.b.clientSecret"),
    ({"accessToken": "abc"}, "accessToken"),
    ({"token": "abc"}, "token"),
    ({"my_password": 1234}, "my_password"),
    ({"authorization": ["abc"]}, "authorization"),
    ({"user": "sk-proj-abcdef0123456789"}, "user"),
    ({"headers": {"X-Mine": "Bearer abcdefgh"}}, "headers.X-Mine"),
    ({"x": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"}, "x"),
    ({"proxy": "https://me:pw@host/v1"}, "proxy"),
    ({"stop": ["hf_AbCdEfGhIjKlMnOpQrSt"]}, "stop.0"),
])  # fmt: skip
def test_a_secret_is_found_at_any_depth(options: dict[str, Any], place: str) -> None:
    assert secret_in(options) == place


@pytest.mark.parametrize("options", [
    {"chat_template_kwargs": {"enable_thinking": True}, "stop_token_ids": [2], "image_token": "<image>", "eos_token": "</s>"},
    {"url": "https://host:8000/v1", "at": "https://host/@me", "id": "eyJ.a.b"},
    {"prompt_cache_key": "run-1", "max_completion_tokens": 70, "api_key": "", "token": None, "cookie": True},
    {"model": "hf-internal-testing/tiny-random-llava-2024", "user": "sk-learn", "file": "sk-tasks.jsonl", "api_key_env": "KEY"},
])  # fmt: skip
def test_ordinary_keys_of_requests_are_no_secrets(options: dict[str, Any]) -> None:
    assert secret_in(options) == ""
