"""Sealed JSON files: what was written comes back, and anything else is refused."""

from __future__ import annotations

import hashlib
import json
import random

import mutants
import pytest

from vanilla_gan.storage.sealed_json import read_sealed, write_sealed

CONTENT = {
    "name": 'zwölf \u2603 \\ " \n',
    "rate": 1e-3,
    "whole": 2**40,
    "none": None,
    "flags": [True, False, {"deeper": [0.1, -0.0]}],
}


def test_what_was_written_comes_back(tmp_path):
    write_sealed(tmp_path / "x.json", CONTENT)
    assert repr(read_sealed(tmp_path / "x.json")) == repr(CONTENT)


def test_seal_is_a_checksum_of_the_content(tmp_path):
    write_sealed(tmp_path / "x.json", CONTENT)
    written = json.loads((tmp_path / "x.json").read_text())
    assert list(written) == [*CONTENT, "sha256"]
    text = json.dumps(CONTENT, sort_keys=True)
    assert written["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_file_is_for_people_too(tmp_path):
    write_sealed(tmp_path / "x.json", CONTENT)
    assert '\n "rate": 0.001,\n' in (tmp_path / "x.json").read_text()


def test_any_change_is_noticed(tmp_path):
    path = tmp_path / "x.json"
    write_sealed(path, CONTENT)
    content = path.read_bytes()
    flips = [bytes(byte ^ (i == place) for i, byte in enumerate(content)) for place in range(300)]
    damaged = [mutants.changed_bytes(content, random.Random(seed)) for seed in range(500)]
    for each in {*flips, *damaged} - {content}:
        path.write_bytes(each)
        with pytest.raises(ValueError):  # noqa: PT011 - which one depends on the change
            pytest.fail(f"{each!r} was read: {read_sealed(path)}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("[1]", "not a JSON object"),
        ("{}", "not a JSON object with the key 'sha256'"),
        ('{"sha256": null}', "not a JSON object with the key 'sha256'"),
        ('{"a": 1, "sha256": 5}', "was changed"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "integer string conversion"),
        (b'{"a": "\xff"}', "codec can't decode"),
        (bytes(1000), "Expecting value"),
    ],
)
def test_other_content_is_refused(tmp_path, text, message):
    (tmp_path / "x.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message):
        read_sealed(tmp_path / "x.json")


def test_same_content_written_differently_is_refused(tmp_path):
    path = tmp_path / "x.json"
    write_sealed(path, CONTENT)
    path.write_text(json.dumps(json.loads(path.read_text())))
    with pytest.raises(ValueError, match="changed since it was written"):
        read_sealed(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_sealed(tmp_path / "x.json")
