"""JSON files that contain their own checksum, so that damage is never taken for content."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from vanilla_gan.storage.reading import MAX_JSON, read_file
from vanilla_gan.storage.whole import write_whole

_SEAL = "sha256"


def seal(content: dict[str, Any]) -> bytes:
    """Returns a JSON object as readable text, with a SHA-256 of its content as the last key."""
    return json.dumps({**content, _SEAL: _sum(content)}, indent=1).encode() + b"\n"


def write_sealed(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Writes a sealed JSON object, whole or not at all.

    Raises:
      OutputError: it could not be written.
    """
    write_whole(path, seal(content))


def read_sealed(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `write_sealed` wrote.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is not a JSON object, or its seal does not hold; the message says which.
    """
    found = read_file(path, MAX_JSON)
    try:
        content = json.loads(found)
        if not isinstance(content, dict) or content.pop(_SEAL, None) is None:
            raise ValueError(f"it is not a JSON object with the key {_SEAL!r}")
        # Compares bytes: other text with the same meaning was not written by `write_sealed` either.
        if found != seal(content):
            raise ValueError("its content was changed since it was written")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return content


def _sum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
