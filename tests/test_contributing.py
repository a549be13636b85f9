"""The layout in CONTRIBUTING.md lists the package's modules, all of them and no others."""

from __future__ import annotations

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
UNLISTED = {"__init__.py", "__main__.py"}


def modules_in_layout(text: str) -> set[str]:
    """Returns the paths of Python files in the tree that stands in the first code fence."""
    block = text.split("```\n", 2)[1]
    folders: list[str] = []
    found = set()
    for line in block.splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()
        del folders[len(indent) // 2 :]
        if name.endswith("/"):
            folders.append(name)
        elif name.endswith(".py"):
            found.add("".join([*folders, name]))
    return found


def test_the_layout_is_read_as_a_tree() -> None:
    text = "```\na.py   text b.py\nx/\n  y/   c.py\n    d.py\n  e.py\nz.sh\n```\n"
    assert modules_in_layout(text) == {"a.py", "x/y/d.py", "x/e.py"}


def test_the_layout_lists_every_module() -> None:
    listed = modules_in_layout((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "vanilla_gan").rglob("*.py")
        if path.name not in UNLISTED
    }
    assert listed == package | {"setup.py"}
