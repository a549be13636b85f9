"""README and docs say what the program does: flags with their defaults, systems, files.

When a flag changes, the failing test shows the table that docs/flags.md should have.
"""

from __future__ import annotations

import re

import PIL.Image
import pytest
from processes import ROOT

from vanilla_gan.cli import main as cli
from vanilla_gan.cli.commands import COMMANDS
from vanilla_gan.systems import SYSTEMS

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md"))),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "benchmarks").glob("*.md"))),
]
# Flags that `--help` does not list: its own names, and those of other programs.
FOREIGN_FLAGS = {"help", "helpfull", "durations", "logdir", "no", "snapshot", "tf1_python", "array"}
FOREIGN_FLAGS |= {"distribution"}  # srun

Rows = list[tuple[str, ...]]


@pytest.fixture
def help_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.delenv("VANILLA_GAN_DATA", raising=False)
    assert cli.main(["train", "--helpfull"]) == 0
    return capsys.readouterr().out


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def flags_of_help(text: str) -> Rows:
    """Returns (flag, values, default, meaning) for each flag that the help lists."""
    found = re.findall(r"^  --(\w+) (\S+)\n((?:      .+\n?)+)", text, re.MULTILINE)
    # Every flag's line must have been understood.
    assert len(found) == len(re.findall(r"^  --", text, re.MULTILINE)) > 0
    rows = []
    for name, values, lines in found:
        meaning, _, default = " ".join(lines.split()).partition(" (default ")
        rows.append((f"--{name}", values.replace("|", ", "), default.removesuffix(")"), meaning))
    return rows


def table(rows: Rows) -> str:
    lines = ["| Flag | Values | Default | Meaning |", "|---|---|---|---|"]
    for flag, values, default, meaning in rows:
        lines.append(f"| `{flag}` | {values} | {default} | {meaning} |")
    return "\n".join(lines)


def test_the_table_of_flags_matches_help(help_text: str) -> None:
    expected = table(flags_of_help(help_text))
    start = read("docs/flags.md").index("| Flag | Values |")
    found = read("docs/flags.md")[start:].split("\n\n", 1)[0]
    assert found == expected, f"the table in docs/flags.md should be:\n{expected}\n"


def test_the_common_flags_and_defaults_match_help(
    help_text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = read("README.md").split("\n## Ten common flags\n", 1)[1].split("\n\n")[0]
    found = re.findall(r"^\| `(--\w+)` \| (.*?) ?\|", table, re.MULTILINE)
    assert len(found) == 10
    for name, default in found:
        (whole,) = (row[2] for row in flags_of_help(help_text) if row[0] == name)
        assert default == re.sub(r"(vanilla\b[^:]*: )?([^;]*).*", r"\2", whole), name
    cli.main(["--help"])
    first_look = flags_of_help(capsys.readouterr().out)
    assert {row[0] for row in first_look} == {name for name, _ in found}


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(read("README.md").splitlines()) < 200


def test_every_flag_named_anywhere_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert cli.main([command, "--helpfull"]) == 0
    known = set(re.findall(r"^  --(\w+) ", capsys.readouterr().out, re.MULTILINE))
    for path in (ROOT / "benchmarks").rglob("*.py"):
        known |= set(re.findall(r"add_argument\(\s*\"--(\w+)\"", path.read_text("utf-8")))
    switched_off = {f"no{name}" for name in known}
    for document in DOCUMENTS:
        named = set(re.findall(r"(?<![\w-])--(\w+)", read(document)))
        assert named - known - switched_off - FOREIGN_FLAGS == set(), document


def test_every_system_has_a_row() -> None:
    section = read("README.md").split("\n## Systems\n", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(SYSTEMS)


def test_the_picture_is_one_that_the_program_writes() -> None:
    with PIL.Image.open(ROOT / "docs" / "images" / "vanilla_2000.png") as picture:
        assert (picture.size, picture.mode) == ((330, 337), "RGBA")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    text = read(name)
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("https://"):
            assert (ROOT / name).parent.joinpath(target.split("#", 1)[0]).exists(), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_named_in_text_exist(name: str) -> None:
    # In backticks, with a folder of this repository and an extension: `vanilla_gan/cli.py`.
    named = re.findall(r"`((?:vanilla_gan|tests|benchmarks|docs|\.ci)/[\w/.]*\.\w+)`", read(name))
    missing = [path for path in named if not (ROOT / path).exists()]
    assert missing == []
