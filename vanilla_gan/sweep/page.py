"""`sweep.html`: a sweep as one page that needs neither a server, a network nor a script."""

from __future__ import annotations

import html
import string
from collections.abc import Mapping
from typing import Any

from vanilla_gan import __version__
from vanilla_gan.report.parts import asset, in_base64, policy, table_html
from vanilla_gan.report.quality import label_of
from vanilla_gan.report.text import command_html
from vanilla_gan.sweep.table import rows_of

_LOSSES = {"d_loss": "D loss", "g_loss": "G loss"}


def page(
    found: Mapping[str, Any],
    heading: str,
    command: str,
    light: bytes,
    dark: bytes,
    num_classes: int | None,
) -> bytes:
    """Returns the page as UTF-8, from what `summary` found and the figure as PNG, light and dark.

    Equal arguments give equal bytes.
    """
    style = asset("report.css")
    finished = sum(of["finished"] for of in found["combinations"])
    total = sum(len(of["runs"]) for of in found["combinations"])
    values = {
        "policy": policy([], style),
        "heading": heading,
        "state": f"{finished} of {total} runs finished.",
        "curves_label": "Numbers over the iterations; their last values are in the table",
        "version": __version__,
    }
    (first, *columns), rows = rows_of(found)
    labels = [_LOSSES.get(name) or label_of(name, num_classes) for name in columns]
    text = string.Template(asset("sweep.html")).substitute(
        {name: html.escape(value) for name, value in values.items()},
        command=command_html(command),
        style=style,
        light=in_base64(light),
        dark=in_base64(dark),
        numbers=table_html((first, *labels), rows),
    )
    return text.encode()
