"""Keys whose values are secrets, by how they are called, so that none is written where others read it."""

import re
from collections.abc import Mapping

MASKED = "***"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET = {
    *("apikey", "apikeys", "authorization", "bearer", "cookie", "credential", "credentials"),
    *("passphrase", "passwd", "password", "pwd", "secret", "secrets"),
}
_AT_THE_END = {"key", "keys", "token", "tokens", "auth"}
"""Words that are a secret as the last one of a key (`hf_token`), unless one of `_OPEN` stands in front."""
_OPEN = {
    *("auditor", "helper", "target", "input", "output", "total", "reasoning", "completion", "max", "min", "num", "new"),
    *("pad", "eos", "bos", "unk", "sep", "cls", "mask", "stop", "sort", "primary", "cache", "prompt"),
}


def looks_secret(key: str) -> bool:
    """Whether a key's name says that its value is one: `api_key`, `HF_TOKEN`, `Authorization`; not `max_tokens`."""
    words = [word.lower() for word in _WORD.findall(key)]
    if _SECRET.intersection(words):
        return True
    return bool(words) and words[-1] in _AT_THE_END and not _OPEN.intersection(words[:-1])


def masked(value: object, key: str = "") -> object:
    """Plain data with `***` for every value whose key looks secret, at any depth, and for logins in addresses."""
    if key and value not in (None, "") and looks_secret(key):
        return MASKED
    if isinstance(value, Mapping):
        return {name: masked(each, str(name)) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked(each) for each in value]
    return _LOGIN.sub(f"{MASKED}@", value) if isinstance(value, str) else value
