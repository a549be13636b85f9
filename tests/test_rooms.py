"""Imports go only down the floors of CONTRIBUTING.md's table of rooms, and never in a circle."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest
from list_files import first_lines
from processes import ROOT

PACKAGE = ROOT / "vanilla_gan"


def floors() -> dict[str, int]:
    """Returns the floor of each room, from the table."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return {
        room: int(floor)
        for floor, room in re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)
    }


def imported(path: pathlib.Path) -> Iterator[str]:
    """Yields the names of the package that a file imports, including those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("vanilla_gan.") and name != "vanilla_gan.__version__":
                yield name.removeprefix("vanilla_gan.")


def upward(package: pathlib.Path, floor_of: dict[str, int]) -> list[str]:
    """Returns the imports from other rooms on the same floor or a higher one."""
    found = []
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room.startswith("__"):
            continue  # The package's own files, which are in no room.
        found += [
            f"{path.relative_to(package)} imports {name}"
            for name in imported(path)
            if (to := name.partition(".")[0]) != room and floor_of[to] >= floor_of[room]
        ]
    return found


def test_the_table_names_every_room() -> None:
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if "__" not in path.name}
    assert set(floors()) == rooms - {"py.typed"}


def test_no_import_goes_up() -> None:
    assert upward(PACKAGE, floors()) == []


@pytest.mark.parametrize("line", ["from vanilla_gan.cli import flags", "import vanilla_gan.high.x"])
def test_an_import_that_goes_up_is_found(tmp_path: pathlib.Path, line: str) -> None:
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "file.py").write_text(f"def late():\n    {line}\n")
    assert len(upward(tmp_path, {"cli": 3, "high": 2, "low": 2})) == 1


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {name.removesuffix(".py").replace("/", "."): name for name in first_lines()}
    edges = {
        module: {
            to
            for name in imported(PACKAGE / file)
            for to in (name, name.rpartition(".")[0], f"{name}.__init__")
            if to in modules and to != module
        }
        for module, file in modules.items()
        if not module.startswith("__")
    }
    # A module that imports none of the remaining ones is removed; those in a circle never are.
    while free := [module for module, to in edges.items() if not to & edges.keys()]:
        for module in free:
            del edges[module]
    assert sorted(edges) == []


def test_every_file_says_what_it_is_for() -> None:
    assert [name for name, line in first_lines().items() if not line.strip()] == []
