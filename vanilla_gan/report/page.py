"""A report as one HTML page: it holds all that it shows, and requests nothing.

The page is `assets/report.html` with its placeholders filled in. A policy in its head forbids all
requests, and all scripts but those whose SHA-256 it names. What comes from the run is escaped: in
text as HTML, in data as JSON without a `<`. Equal reports give equal bytes.
"""

from __future__ import annotations

import html
import os
import pathlib
import string

from vanilla_gan import __version__
from vanilla_gan.report.contents import Report
from vanilla_gan.report.data import page_data
from vanilla_gan.report.explorer import explorer_html
from vanilla_gan.report.parts import asset, in_base64, json_text, policy
from vanilla_gan.report.pictures import encode_pixels
from vanilla_gan.report.text import page_text
from vanilla_gan.storage.own import open_own

_SCRIPTS = ("uPlot.iife.min.js", "player.js", "charts.js")
# The line above the title in reports of every version, and within how many bytes it is found.
_SIGN = b'<p class="overline">Training report</p>'
_HEAD_BYTES = 1 << 16
_STYLES = ("uPlot.min.css", "report.css")


def page(report: Report) -> bytes:
    """Returns the page as UTF-8."""
    scripts = [asset(name) for name in _SCRIPTS]
    styles, explore = list(_STYLES), ""
    if report.explorer is not None:
        explore = explorer_html(report.explorer)
    if report.explorer is not None and report.explorer.data is not None:
        styles.append("explore.css")
        scripts.append(asset("explore.js"))
    style = "\n".join(asset(name) for name in styles)
    data = page_data(report)
    data["frames"] = [in_base64(encode_pixels(frame)) for frame in report.frames]
    text = string.Template(asset("report.html")).substitute(
        page_text(report),
        policy=html.escape(policy(scripts, style)),
        style=style,
        uplot=scripts[0],
        player=scripts[1],
        charts=scripts[2],
        explore=explore,
        data_json=json_text(data),
        sheets_json=json_text([in_base64(picture.png) for picture in report.pictures]),
        version=__version__,
    )
    return text.encode()


def is_page(path: pathlib.Path) -> bool:
    """Returns whether a file is a report that any version of this program wrote."""
    try:
        with open(open_own(path, os.O_RDONLY, other_names=True), "rb") as stream:
            found = stream.read(_HEAD_BYTES)
    except OSError:
        return False
    head = asset("report.html").partition("$policy")[0].encode()
    return found.startswith(head) and _SIGN in found
