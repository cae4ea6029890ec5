"""What a key's name gives away of its value."""

import pytest

from cordelia.contracts.secret_keys import looks_secret, masked

SECRET = ["api_key", "apiKey", "APIKey", "HF_TOKEN", "token", "openai-api-key", "client_secret", "Authorization"]
SECRET += ["aws_secret_access_key", "password", "x-auth", "credentials", "X-Api-Key", "key", "session_cookie"]
OPEN = [
    "max_tokens",
    "auditor_tokens",
    "token_limit",
    "pad_token",
    "keyboard",
    "prompts_per_topic",
    "seed",
    "cache_key",
]
OPEN += ["base_url", "tokenizer", "author", "max_new_tokens", "", "stop_token"]


@pytest.mark.parametrize("key", SECRET)
def test_secret(key: str) -> None:
    assert looks_secret(key)


@pytest.mark.parametrize("key", OPEN)
def test_open(key: str) -> None:
    assert not looks_secret(key)


def test_values_are_masked_at_any_depth() -> None:
    given = {
        "api_key": "sk-1",
        "max_tokens": 40,
        "extra_headers": {"Authorization": "Bearer x", "accept": "json"},
        "hosts": ["https://me:pw@host/v1", {"token": 7}],
        "hf_token": None,
    }
    assert masked(given) == {
        "api_key": "***",
        "max_tokens": 40,
        "extra_headers": {"Authorization": "***", "accept": "json"},
        "hosts": ["https://***@host/v1", {"token": "***"}],
        "hf_token": None,
    }
