"""What is printed for people: no byte of somebody else's file controls the terminal."""

from __future__ import annotations

import json

import pytest
from mutants import sealed
from small_run import make_run

from vanilla_gan.cli import main as cli
from vanilla_gan.say import printable, say, show, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, zwölf \u2603", "plain, zwölf \u2603"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\udcff \ud800 \u2028", r"\udcff \ud800 \u2028"),
    ],
)
def test_unprintable_characters_are_shown_as_their_codes(text, expected, capsys):
    assert printable(text) == expected
    say(text)
    show(f"{text}")
    out, err = capsys.readouterr()
    assert err == expected + "\n"
    assert out == "".join(printable(line) + "\n" for line in text.split("\n"))


def test_a_long_text_is_cut():
    assert shown("x\n" * 1000, 10) == r"x\nx\nx\nx..."


def test_lines_of_a_result_stay_lines(capsys):
    show("a\n\nb\n")
    assert capsys.readouterr().out == "a\n\nb\n"


@pytest.mark.parametrize("command", ["report", "compare", "sample"])
def test_a_run_whose_names_are_escape_sequences(tmp_path, capsys, command):
    out = make_run(tmp_path / "run \x1b[2J\n", pictures=2)
    content = json.loads((out / "run.json").read_bytes())
    content["config"] |= {"data_dir": "\x1b[31m", "init_weights": "\x1b]0;x\x07"}
    (out / "run.json").write_bytes(sealed(content))
    cli.main([command, f"--from={out}"])
    printed = "".join(capsys.readouterr())
    assert r"run \x1b[2J" in printed
    assert printed.count("\n") == len(printed.splitlines())
    assert printed.replace("\n", "").isprintable()
