"""`sweep.png`: losses and figures of quality over the seeds of each combination of settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vanilla_gan.report.bands import Series, bands_png
from vanilla_gan.report.quality import figure_names, label_of
from vanilla_gan.sweep.summary import Found
from vanilla_gan.sweep.table import title

Groups = dict[str, list[Series]]


def sweep_png(
    found: Sequence[Found], heading: str, num_classes: int | None, *, dark: bool
) -> bytes:
    """Draws the finished runs of a sweep, at least one; see `bands_png`."""
    wide = {f"{player.upper()} loss": _groups(found, _loss, f"{player}_loss") for player in "dg"}
    names = figure_names([one for each in found for one in each.evaluations])
    small = {label_of(name, num_classes): _groups(found, _figure, name) for name in names}
    small = {label: groups for label, groups in small.items() if groups}
    return bands_png(wide, small, heading, dark=dark)


def _groups(
    found: Sequence[Found], series_of: Callable[[Found, str], Series | None], name: str
) -> Groups:
    groups: Groups = {}
    for each in found:
        series = series_of(each, name)
        if series is not None:
            groups.setdefault(title(each.run.values) or "all seeds", []).append(series)
    return groups


def _loss(found: Found, name: str) -> Series | None:
    rows = found.losses
    return None if rows is None else Series(rows.iteration, getattr(rows, name))


def _figure(found: Found, name: str) -> Series | None:
    known = [(one.iteration, one.figures.get(name)) for one in found.evaluations]
    known = [(iteration, value) for iteration, value in known if value is not None]
    if not known:
        return None
    iterations, values = zip(*known, strict=True)
    return Series(np.array(iterations), np.array(values, np.float64))
