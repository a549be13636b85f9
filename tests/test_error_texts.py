"""The texts of all errors that a user may see, in one file, `tests/error_texts.txt`.

They are read from the source, so that every change shows in one file, where it can be reviewed:

    ./run.sh test tests/test_error_texts.py --snapshot
"""

from __future__ import annotations

import ast
import inspect
import re

import pytest
from processes import ROOT

from vanilla_gan import errors

SNAPSHOT = ROOT / "tests" / "error_texts.txt"
ERRORS = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}


def text_of(node: ast.expr) -> str | None:
    """Returns a string with its expressions in braces, as in the source; None for other nodes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [
            "{" + ast.unparse(part.value) + "}"
            if isinstance(part, ast.FormattedValue)
            else str(ast.literal_eval(part))
            for part in node.values
        ]
        return "".join(parts)
    return None


def error_texts() -> list[str]:
    """Returns `file: class: text` for each error that is made with a text, sorted."""
    found = set()
    for path in sorted((ROOT / "vanilla_gan").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                text = text_of(node.args[0])
                if node.func.id in ERRORS and text is not None:
                    where = path.relative_to(ROOT / "vanilla_gan")
                    found.add(f"{where}: {node.func.id}: {text}")
    return sorted(found)


def test_a_change_of_words_shows(request: pytest.FixtureRequest) -> None:
    found = "\n".join(error_texts()) + "\n"
    if request.config.getoption("--snapshot"):
        SNAPSHOT.write_text(found, encoding="utf-8")
    assert SNAPSHOT.read_text(encoding="utf-8") == found


def test_an_error_is_one_line() -> None:
    assert [text for text in error_texts() if "\n" in text or text.endswith(".")] == []


def test_errors_about_missing_data_name_data_dir() -> None:
    missing = (
        r"data/(?!pictures).* (lacks|cannot download|cannot read \{path\}: \{reason|.* no folder)"
    )
    found = [text for text in error_texts() if re.match(missing, text)]
    assert len(found) == 6
    assert [text for text in found if "--data_dir" not in text] == []
