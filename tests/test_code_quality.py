"""The tree passes the linter, the formatter and the type checker set in pyproject.toml."""

from __future__ import annotations

import pytest
from processes import python


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=["lint", "format", "types"],
)
def test_tree_is_clean(command: list[str]) -> None:
    done = python("-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr
