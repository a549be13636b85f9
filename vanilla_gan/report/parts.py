"""Building blocks of pages: files of `assets/`, the policy in the head, tables, lists of facts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any


def policy(scripts: list[str], style: str) -> str:
    """Returns the content security policy, which allows only what the page itself contains."""
    hashes = " ".join(_hash(script) for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{in_base64(hashlib.sha256(text.encode()).digest())}'"


def asset(name: str) -> str:
    """Returns the text of a file of `assets/`."""
    folder = resources.files(__package__) / "assets"
    return (folder / name).read_text(encoding="utf-8")


def in_base64(content: bytes) -> str:
    """Returns bytes as base64, the form in which a page holds them."""
    return base64.b64encode(content).decode()


def json_text(content: Any) -> str:
    """Returns JSON that cannot end the script element in which it is embedded."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def definitions(pairs: Iterable[tuple[str, str]], kind: str = "facts") -> str:
    """Returns a list of names and values, which are escaped; `kind` is its class."""
    entries = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in pairs
    )
    return f'<dl class="{kind}">{entries}</dl>'


def table_html(
    head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: Sequence[int] = ()
) -> str:
    """Returns a table; its texts are escaped.

    Args:
      head: the title of each column.
      rows: the cells of each row; the first is its title.
      text_columns: which columns hold words; all others but the first hold numbers.
    """
    kinds = ["text" if k in text_columns else "number" for k in range(len(head))]
    titles = "".join(
        f'<th scope="col" class="{kind}">{html.escape(title)}</th>'
        for title, kind in zip(head, kinds, strict=True)
    )
    lines = []
    for first, *others in rows:
        cells = "".join(
            f'<td class="{kind}">{html.escape(cell)}</td>'
            for cell, kind in zip(others, kinds[1:], strict=True)
        )
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
