"""`./run.sh compare`: whether a run agrees with what was published, or with a sweep."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Collection

import numpy as np

from vanilla_gan.agreement.comparison import Comparison, Fact, ParentLine, PostLine
from vanilla_gan.agreement.drift import drifts_of_run, said_of_rounding, within_rounding
from vanilla_gan.agreement.normal import (
    MEAN_LOSSES,
    RECORDED_LOSSES,
    different_settings,
    ensemble_for,
    judged_by,
)
from vanilla_gan.agreement.picture_facts import size_fault, tiles_fault
from vanilla_gan.agreement.published import published_runs
from vanilla_gan.agreement.published_gif import FRAME_ITERATIONS, frame_samples, read_published_gif
from vanilla_gan.agreement.recorded_losses import matching
from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.agreement.statistics import NAMES, Floats, picture_statistics
from vanilla_gan.agreement.verdicts import Verdict, expected, judge_recorded
from vanilla_gan.data.known import KNOWN
from vanilla_gan.data.shape import POINT
from vanilla_gan.drawing.points import picture_layout
from vanilla_gan.drawing.tiles import open_picture, read_tiles
from vanilla_gan.errors import (
    DataError,
    DeviceError,
    DownloadError,
    RunConflictError,
    UsageError,
    WeightsError,
)
from vanilla_gan.runfolder.losses_csv import LossRows, read_losses
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.parent import parent_losses
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.runfolder.record import RunRecord, data_dir_of, record_from
from vanilla_gan.settings import RunConfig

# As many pictures as the published figure has; a run may have thousands.
_PICTURES = 11


def compare(config: CompareConfig, inform: Callable[[str], None] = lambda line: None) -> Comparison:
    """Compares a run, finished or not, with what was published, or with the runs of a sweep.

    If a run began like a recorded one, but its losses are much farther from the recorded ones than
    a plain replica's, the run is trained again together with its twins (see `drift`), for as many
    iterations as needed: some seconds, up to a minute. `inform` is called with a line before that.

    If asked for, the post's own figure is read and compared with the recorded runs, too. Its
    verdicts do not count, because its author's program drew the data in an older order.

    Raises:
      UsageError: something is required that a sweep cannot judge.
      RunConflictError: no run there, or one without pictures and losses; no sweep.
      DamagedRunError: a file of the run cannot be read.
      DataError, DownloadError: the post's figure cannot be read.
    """
    if config.against is not None and "traces" in config.required:
        raise UsageError(
            "--require=traces: a sweep has none; leave it out, or leave --against out to compare "
            "the run with what was published"
        )
    out_dir = pathlib.Path(config.source)
    record = record_from(config.source)
    frames = [] if config.published_gif is None else read_published_gif(config.published_gif)
    rows = read_losses(out_dir / LOSSES)
    ensemble = ensemble_for(record, config.against)
    known = None if isinstance(ensemble, str) else set(ensemble.iterations.tolist())
    pictures = _pictures(out_dir, record.config, known)
    if not pictures and not len(rows.iteration):
        raise RunConflictError(
            f"{config.source} holds a run that has no pictures and losses yet; compare it once it "
            "has trained for a while"
        )
    notes: list[str] = []
    facts, statistics = _picture_facts(pictures, record)
    facts += _losses_that_are_not_finite(rows)
    verdicts = []
    if config.against is None:
        verdicts = _recorded_losses(config, record, rows, facts, notes, inform)
    normal = judged_by(ensemble, record, rows, statistics)
    notes += normal.notes
    verdicts += normal.verdicts
    post = []
    for number, frame in enumerate(frames[:_PICTURES]):
        post += _post_lines(number * FRAME_ITERATIONS, frame_samples(frame), statistics)
    return Comparison(
        config.source,
        record,
        different_settings(record.config),
        facts,
        verdicts,
        post,
        notes,
        _beside_parent(rows, parent_losses(record.parent)),
        config.required,
        config.against,
        None if isinstance(ensemble, str) else ensemble.name,
    )


def _beside_parent(rows: LossRows, parent: LossRows | None) -> list[ParentLine]:
    """Returns the mean losses of a fork and of its parent, over the iterations that both have."""
    if parent is None:
        return []
    shared, ours, theirs = np.intersect1d(rows.iteration, parent.iteration, return_indices=True)
    if not len(shared):
        return []
    first, last = int(shared[0]), int(shared[-1])
    pairs = ((rows.d_loss, parent.d_loss), (rows.g_loss, parent.g_loss))
    return [
        ParentLine(what, first, last, float(mine[ours].mean()), float(its[theirs].mean()))
        for what, (mine, its) in zip(MEAN_LOSSES, pairs, strict=True)
    ]


def _pictures(
    out_dir: pathlib.Path, config: RunConfig, known: Collection[int] | None
) -> dict[int, pathlib.Path]:
    """Returns pictures by iteration: those at iterations in `known`, or else the first ones.

    If `known` is None, there are no runs to compare with, and those of each thousand are taken.
    """
    every = config.resolved_int("sample_every")
    by_iteration = {number * every: path for number, path in numbered_pictures(out_dir).items()}
    shown = {
        it: path
        for it, path in by_iteration.items()
        if (it % FRAME_ITERATIONS == 0 if known is None else it in known)
    }
    return dict(list((shown if len(shown) > 1 else by_iteration).items())[:_PICTURES])


def _picture_facts(
    pictures: dict[int, pathlib.Path], record: RunRecord
) -> tuple[list[Fact], dict[int, Floats]]:
    """Returns facts about the pictures, and the statistics, [4], of those of the right size."""
    config, name = record.config, record.dataset["name"]
    # Other images may have a white margin.
    has_dark_edges = name in KNOWN and name != "cifar10" and not config.allow_unverified_data
    tiles = (*config.picture_tiles, config.image_shape)
    layout = picture_layout(*tiles)
    faults: dict[str, list[str]] = {"picture size": [], "tile positions": []}
    statistics = {}
    for it, path in pictures.items():
        pixels = open_picture(path)
        wrong_size = size_fault(pixels, layout)
        if wrong_size is not None:
            faults["picture size"].append(f"{path.name}: {wrong_size}")
            continue
        misplaced = tiles_fault(pixels, layout, has_dark_edges=has_dark_edges)
        if misplaced is not None:
            faults["tile positions"].append(f"{path.name}: {misplaced}")
        if config.image_shape != POINT:
            statistics[it] = picture_statistics(read_tiles(pixels, *tiles), config.image_shape)
    if not pictures:
        return [Fact(what, None, "the run has no pictures") for what in faults], statistics
    return [
        Fact(what, not found, found[0] if found else f"in {len(pictures)} of {len(pictures)}")
        for what, found in faults.items()
    ], statistics


def _losses_that_are_not_finite(rows: LossRows) -> list[Fact]:
    """Returns a failed fact if any loss is not finite, whatever else is judged, or else nothing."""
    bad = ~(np.isfinite(rows.d_loss) & np.isfinite(rows.g_loss))
    if not bad.any():
        return []
    first = int(bad.argmax())
    said = f"D loss {rows.d_loss[first]:.4g}, G_loss {rows.g_loss[first]:.4g}"
    return [Fact("finite losses", False, f"iteration {rows.iteration[first]}: {said}")]


def _recorded_losses(
    config: CompareConfig,
    record: RunRecord,
    rows: LossRows,
    facts: list[Fact],
    notes: list[str],
    inform: Callable[[str], None],
) -> list[Verdict]:
    """Returns the verdicts by a recorded run that began alike; adds to `facts` and `notes`."""
    what = "recorded losses"
    recorded = matching(record.config, record.dataset["checksum"], bool(record.rewinds))
    if isinstance(recorded, str):
        facts.append(Fact(what, None, recorded))
        return []
    shared, ours, theirs = np.intersect1d(rows.iteration, recorded.iterations, return_indices=True)
    if not len(shared):
        facts.append(Fact(what, None, f"{LOSSES} has none of the recorded iterations"))
        return []
    verdicts = judge_recorded(
        RECORDED_LOSSES,
        recorded.limits,
        shared,
        np.stack([rows.d_loss, rows.g_loss], axis=1)[ours],
        np.stack([recorded.d_loss, recorded.g_loss], axis=1)[theirs],
    )
    if all(verdict.passed for verdict in verdicts):
        return verdicts
    inform("measuring the effect of rounding on this processor: up to 17 short runs")
    data_dir = config.data_dir or data_dir_of(record, pathlib.Path(config.source))
    try:
        verdicts = within_rounding(verdicts, functools.partial(drifts_of_run, record, data_dir))
    except (DataError, DownloadError, DeviceError, WeightsError) as error:
        notes.append(f"the effect of rounding on this processor could not be measured: {error}")
    else:
        notes += said_of_rounding(verdicts)
    return verdicts


def _post_lines(it: int, samples: Floats, ours: dict[int, Floats]) -> list[PostLine]:
    """Returns the lines of the post's own picture at an iteration."""
    published = published_runs("vanilla", "mnist")
    assert published is not None
    place = published.iterations.tolist().index(it)
    ranges = expected(published.drawn_statistics[:, place])
    return [
        PostLine(
            Verdict(name, it, float(value), float(ranges.low[k]), float(ranges.high[k])),
            float(ours[it][k]) if it in ours else None,
        )
        for k, (name, value) in enumerate(zip(NAMES, picture_statistics(samples), strict=True))
    ]
