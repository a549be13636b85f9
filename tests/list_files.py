"""Prints each module of the package with the first line of its docstring, room by room."""

from __future__ import annotations

import ast
import pathlib

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "vanilla_gan"


def first_lines() -> dict[str, str]:
    """Returns the first line of each module's docstring, by its path within the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[path.relative_to(PACKAGE).as_posix()] = text.partition("\n")[0]
    return found


if __name__ == "__main__":
    for name, line in first_lines().items():
        print(f"{name:34} {line}")
