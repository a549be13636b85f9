"""What a report says in words and tables, as HTML; whatever comes from the run is escaped."""

from __future__ import annotations

import datetime
import html
import math
import re
from collections.abc import Sequence

import numpy as np

from vanilla_gan.agreement.normal import MEAN_LOSSES
from vanilla_gan.agreement.statistics import NAMES
from vanilla_gan.data.known import KNOWN
from vanilla_gan.data.shape import POINT
from vanilla_gan.report.contents import Report, seconds_between_pictures
from vanilla_gan.report.data import STATISTICS, losses_at
from vanilla_gan.report.facts import sendable
from vanilla_gan.report.losses import MAX_POINTS, curves
from vanilla_gan.report.parts import definitions, table_html
from vanilla_gan.report.quality import SHARES, Row, figure_names, label_of, rows_of
from vanilla_gan.runfolder.pictures import picture_path
from vanilla_gan.runfolder.quality_json import Evaluation, Figure

# The signs whose curves are drawn.
_SIGNS = {
    "real_right": "Share of images D gets right",
    "fake_right": "Share of samples D gets right",
    "logit_gap": "Gap between mean logits",
    "unseen_gap": "Gap to unseen images",
    "d_gradient": "Gradient of D",
    "g_gradient": "Gradient of G",
    "diversity": "Distance between two samples",
    "nearest": "Distance to the nearest sample",
    "ink": "Ink",
}
_SHARE_SIGNS = ("real_right", "fake_right")
_QUANTITIES = dict(zip(NAMES, (name.lower() for name in STATISTICS), strict=True)) | {
    name: name for name in MEAN_LOSSES
}
# Nobody would read a table of more classes.
_MOST_CLASSES = 100
_NONE = "\N{EN DASH}"


def page_text(report: Report) -> dict[str, str]:
    """Returns the words and tables that fill the placeholders of `report.html`, by name."""
    facts, record = report.facts, report.facts.record
    return {
        "title": html.escape(f"{facts.system} on {facts.data_name}: report"),
        "heading": html.escape(f"{facts.system} on {facts.data_name}"),
        "state": html.escape(_state(report)),
        "verdict": _verdict(report),
        "warnings": "".join(
            f'<p class="note">{html.escape(sendable(line))}</p>' for line in report.warnings
        ),
        "statistics_note": html.escape(_statistics_note(report)),
        "thinned_pictures": html.escape(_thinned_pictures(report)),
        "losses_note": html.escape(_losses_note(report)),
        "d_label": html.escape(_curve_label(report, "D loss")),
        "g_label": html.escape(_curve_label(report, "G loss")),
        "health": _health(report),
        "quality": _quality(report),
        "numbers": _numbers(report),
        "command": command_html(facts.command),
        "repeat_note": html.escape(_repeat_note(report)),
        "data": definitions(
            (
                ("Data set", _data_set(report)),
                ("Images", f"{record.dataset['train_examples']:,} to train on"),
                *([("Classes", facts.classes)] if facts.classes else []),
                ("SHA-256", record.dataset["checksum"]),
            )
        ),
        "times": definitions(_times(report)),
        "versions": definitions((*record.versions.items(), ("device", record.device))),
        "settings": definitions(
            ((name, _setting(report, name)) for name in facts.settings), "facts settings"
        ),
    }


def _data_set(report: Report) -> str:
    facts = report.facts
    own = facts.data_name != facts.dataset or facts.dataset not in KNOWN
    return f"{facts.data_name}, pictures of your own" if own else facts.dataset


def _setting(report: Report, name: str) -> str:
    facts = report.facts
    by = f", by preset {facts.settings['preset']}" if name in facts.record.from_preset else ""
    return f"{facts.settings[name]}{by}"


def _state(report: Report) -> str:
    facts, record = report.facts, report.facts.record
    if record.diverged:
        # Also if its last update broke the weights, after which its losses are complete.
        how_far = f"Failed at {record.diverged['why']}, of {facts.iters:,} iterations"
    elif report.reached >= facts.iters:
        how_far = f"Finished: {facts.iters:,} iterations"
    elif record.gains_no_more(record.config):
        how_far = (
            f"Finished: {report.reached:,} of {facts.iters:,} iterations, as it stopped improving"
        )
    else:
        how_far = f"Iteration {report.reached:,} of {facts.iters:,}"
    said = f"{how_far}. Seed {facts.settings.get('seed')}. As of {_time(report.state)}."
    if report.reload_s:
        said += " Until the run ends, this page updates itself, unless you view an older picture."
    return said


def _verdict(report: Report) -> str:
    """Returns the verdict on this run by other runs, as an element of the page."""
    judged = report.normal.verdicts
    program = report.ensemble.program if report.ensemble else ""
    outside = [verdict for verdict in judged if not verdict.passed]
    if outside:
        first = outside[0]
        said = (
            f"Not as expected: {len(outside)} of {len(judged)} numbers are outside the range "
            f"expected for {program}. The first is {_QUANTITIES[first.what]} at iteration "
            f"{first.iteration:,}: {first.value:.3g}, expected {first.low:.3g} to {first.high:.3g}."
        )
        if report.different_settings and report.against is None:
            said += f" The settings differ: {'; '.join(report.different_settings)}."
    elif judged:
        said = (
            f"As expected: all {len(judged)} numbers that were compared are within the range "
            f"expected for {program} with any seed."
        )
    else:
        with_what = report.against or "the published program"
        said = f"Not compared with {with_what}: {'; '.join(report.normal.notes)}."
    kind = "verdict-line out" if outside else "verdict-line"
    return f'<p class="{kind}">{html.escape(sendable(said))}</p>'


def command_html(line: str) -> str:
    """Returns a shell command as HTML; a narrow window does not break flags after their dashes."""
    flag = re.compile(r"^--\w{1,30}(?==|$)")
    words = (
        flag.sub(r'<span class="flag">\g<0></span>', html.escape(word)) for word in line.split(" ")
    )
    return " ".join(words)


def _time(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _statistics_note(report: Report) -> str:
    if report.facts.record.config.image_shape == POINT:
        return "Each sample is a point; where samples are dense, the picture is dark."
    how = "Measured on the tiles as they are drawn, each scaled to its own range."
    ensemble = report.ensemble
    if ensemble is None:
        where = sendable(report.against or "recorded runs of this system on this data set")
        none = "There are no" if report.against is None else "There are no runs to compare with in"
        return f"{how} {none} {where}."
    if not len(ensemble.iterations):
        return f"{how} There are no pictures of {_runs(report)} to compare with."
    steps = np.diff(ensemble.iterations)
    every = f", every {steps[0]:,}" if len(steps) and (steps == steps[0]).all() else ""
    note = f" {ensemble.note[0].upper()}{ensemble.note[1:]}." if ensemble.note else ""
    return (
        f"{how} Inner range: {_runs(report)} at the same iteration; outer range: where any run of "
        f"{ensemble.program} is expected. Their pictures go up to iteration "
        f"{ensemble.iterations[-1]:,}{every}.{note}"
    )


def _runs(report: Report) -> str:
    """Returns a description of the runs that are drawn in grey."""
    assert report.ensemble is not None
    return sendable(f"{report.ensemble.name}{' of the published program' * (not report.against)}")


def _thinned_pictures(report: Report) -> str:
    shown, found = len(report.pictures), report.pictures_found
    if shown == found:
        return ""
    return f" {shown:,} of {found:,} pictures are here, to keep this page small."


def _losses_note(report: Report) -> str:
    drawn = curves(report.losses, report.ensemble, report.parent_losses)
    parts = [
        "Faint: the losses in losses.csv." if drawn.window > 1 else "The losses in losses.csv."
    ]
    if drawn.window > 1:
        parts.append(f"Strong: their mean over {drawn.window} rows.")
    if report.ensemble is not None:
        parts.append(
            f"Inner band: {_runs(report)}; outer band: where a run's means are expected, one for "
            "each of the band's steps."
        )
    if report.parent_losses is not None:
        parts.append("Dashed: the mean of this run's parent, from the fork on.")
    if drawn.rows_per_bin > 1:
        parts.append(
            f"There are more than {MAX_POINTS:,} rows, so only the smallest and the largest of "
            f"each {drawn.rows_per_bin} rows are drawn."
        )
    return " ".join(parts)


def _curve_label(report: Report, name: str) -> str:
    values = report.losses.d_loss if name == "D loss" else report.losses.g_loss
    if not len(values):
        return f"{name}: no rows yet"
    last = int(report.losses.iteration[-1])
    return (
        f"{name} over iterations 0 to {last:,}: from {values[0]:.4g} to {values[-1]:.4g}, between "
        f"{values.min():.4g} and {values.max():.4g}. Its values at the pictures are in the table "
        "under Numbers."
    )


def _health(report: Report) -> str:
    """Returns the section of the signs, or an empty string if there are none."""
    if not len(report.health.iteration):
        return ""
    said = [f'<p class="note">{html.escape(line)}</p>' for line in report.diseases]
    parts = [
        '<section aria-labelledby="health-title">',
        '<h2 id="health-title">Health</h2>',
        *(said or ["<p>No sign of disease.</p>"]),
        '<p class="hint">Dashed: real images.</p><div class="small-charts">',
        *(_chart("health", name, label, "health.csv") for name, label in _SIGNS.items()),
    ]
    return "\n".join([*parts, "</div>", "</section>"])


def _chart(of: str, name: str, label: str, where: str) -> str:
    """Returns the element for a small curve; `where` names the place of its numbers."""
    share = " data-share" if name in (*SHARES, *_SHARE_SIGNS) else ""  # An axis from 0 to 1.
    label = html.escape(label)
    return (
        f'<div><h3>{label}</h3><div class="chart" role="img" data-of="{of}" data-figure='
        f'"{html.escape(name)}"{share} aria-label="{label} over iterations; its values are in '
        f'{where}"></div></div>'
    )


def _quality(report: Report) -> str:
    """Returns the section of the quality figures, or an empty string if there are none."""
    if not report.quality:
        return ""
    newest, classes = report.quality[-1], report.facts.num_classes
    best = f" Best checkpoint: {report.facts.best}." if report.facts.best else ""
    rows = [
        (row.label, _value(row), _figure(row.real), row.better) for row in rows_of(newest, classes)
    ]
    only_alike = (
        '<p class="hint">Precision says nothing by itself: samples that are all alike, and even '
        "noise, can reach 1. It counts only if recall is high as well.</p>"
    )
    newest_table = table_html(
        ("Figure", "Samples", "Real images", "Better"), rows, text_columns=(3,)
    )
    parts = [
        '<section aria-labelledby="quality-title">',
        '<h2 id="quality-title">Quality</h2>',
        f'<p class="hint">Newest evaluation: iteration {newest.iteration:,}, {newest.n:,} samples.'
        f'{html.escape(best)}</p><div class="wide" tabindex="0" role="region" aria-label="Quality">'
        f"{newest_table}</div>",
        *([only_alike] if "precision" in newest.figures else []),
        _class_shares(newest, report.facts.class_labels),
    ]
    if len(report.quality) > 1:
        names = figure_names(report.quality)
        labels = [label_of(name, classes) for name in names]
        charts = zip(names, labels, strict=True)
        parts += [
            '<div class="small-charts">',
            *(_chart("quality", name, label, "the table below") for name, label in charts),
            "</div>",
        ]
        table = table_html(
            ("Iteration", *labels),
            [
                (f"{each.iteration:,}", *(_figure(each.figures.get(name)) for name in names))
                for each in report.quality
            ],
        )
        parts.append(
            "<details><summary>All evaluations</summary>"
            f'<div class="scroll" tabindex="0" role="region" aria-label="All evaluations">{table}'
            "</div></details>"
        )
    return "\n".join([*parts, "</section>"])


def _class_shares(newest: Evaluation, labels: Sequence[str]) -> str:
    """Returns the classes' shares as a table with bars; empty if they are unknown or too many."""
    shares = newest.shares
    if not shares or len(shares) > _MOST_CLASSES:
        return ""
    real = newest.real_shares or [math.nan] * len(shares)
    names = labels if len(labels) == len(shares) else [str(k) for k in range(len(shares))]
    longest = max(*shares, *(value for value in real if math.isfinite(value)), 1e-9)
    rows = []
    for name, share, beside in zip(names, shares, real, strict=True):
        # Attributes, because the page's own policy forbids inline styles.
        marks = f'<rect width="{100 * share / longest:.4g}" height="10"/>'
        if math.isfinite(beside):
            at = 100 * beside / longest
            marks += f'<line x1="{at:.4g}" x2="{at:.4g}" y2="10"/>'
        rows.append(
            f'<tr><th scope="row">{html.escape(name)}</th><td>{100 * share:.1f}%</td><td class='
            f'"share"><svg viewBox="-1 0 102 10" preserveAspectRatio="none" aria-hidden="true">'
            f"{marks}</svg></td><td>{f'{100 * beside:.1f}%' if math.isfinite(beside) else _NONE}"
            "</td></tr>"
        )
    head = "<th>Class</th><th>Samples</th><th></th><th>Real images</th>"
    return (
        '<h3>Share of each class, by the classifier</h3><p class="hint">The bar shows the samples, '
        'the stroke shows real images.</p><div class="wide" tabindex="0" role="region" '
        f'aria-label="Classes"><table class="shares"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _value(row: Row) -> str:
    return _figure(row.value) + (
        "" if row.error is None else f" \N{PLUS-MINUS SIGN} {row.error:.2g}"
    )


def _figure(value: Figure) -> str:
    if value is None:
        return _NONE
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _numbers(report: Report) -> str:
    losses = zip(*losses_at(report), strict=True)
    rows = [
        (
            picture_path(report.folder, picture.number).name,
            f"{iteration:,}",
            *(_figure(loss) for loss in pair),
            *(f"{value:.4f}" if math.isfinite(value) else _NONE for value in picture.statistics),
        )
        for picture, iteration, pair in zip(
            report.pictures, report.iterations(), losses, strict=True
        )
    ]
    return table_html(("Picture", "Iteration", "D loss", "G loss", *STATISTICS), rows)


def _repeat_note(report: Report) -> str:
    facts, record = report.facts, report.facts.record
    parts = ["The results go into a new folder, which must be empty or not exist."]
    if facts.moved:
        parts.append("This run continued with other machine settings; the last digits may differ.")
    elif record.device.startswith("/CPU"):
        parts.append("On a CPU with the same versions, a repeated run gives the same bits.")
    else:
        parts.append("On a GPU the last digits may differ.")
    if record.rewinds:
        parts.append(
            f"This run went back to a checkpoint {len(record.rewinds)} times, because a loss was "
            "not finite. When checkpoints are written depends on the clock, so a repeated run may "
            "differ from then on."
        )
    return " ".join(parts)


def _speed(iterations: int, seconds: float) -> str:
    """Returns a rate in words, as seconds per iteration if it is slow."""
    if iterations < seconds:
        return f"{seconds / iterations:.3g} s an iteration"
    return f"{iterations / seconds:,.{1 if iterations < 10 * seconds else 0}f} iterations a second"


def _times(report: Report) -> list[tuple[str, str]]:
    facts = report.facts
    started = datetime.datetime.fromisoformat(facts.record.started)
    found = [("Forked from", facts.parent)] if facts.parent else []
    found += [("First start", _time(started)), ("Last change", _time(report.state))]
    each_s = seconds_between_pictures(report)
    if each_s is not None:
        speed = _speed(facts.sample_every, each_s)
        found += [
            ("Pictures", f"every {each_s:.3g} s (the median), {speed}"),
            (
                "Measured",
                "from file times, so it includes everything that a run does besides training",
            ),
        ]
    return found
