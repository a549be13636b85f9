"""`./run.sh sweep`: trains the runs that are not finished, and sums up all that are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from vanilla_gan.engines.threads import usable_cores
from vanilla_gan.errors import FailedRunsError, StoppedBySignal
from vanilla_gan.plugins.loading import check_unchanged
from vanilla_gan.report.curves import shortened
from vanilla_gan.report.facts import sendable
from vanilla_gan.runfolder.out_folder import make_out_dir
from vanilla_gan.runfolder.record import RunRecord, classes_of
from vanilla_gan.say import json_text
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.files import locked_folder, no_empty_folders
from vanilla_gan.storage.own import clear
from vanilla_gan.storage.whole import remove_leftovers, write_whole
from vanilla_gan.sweep.figure import sweep_png
from vanilla_gan.sweep.page import page
from vanilla_gan.sweep.plan import Grid, check_alike, planned, with_data
from vanilla_gan.sweep.processes import Job, how_it_ended, run_jobs
from vanilla_gan.sweep.settings import SweepConfig, seeds_of
from vanilla_gan.sweep.summary import Found, look_at, summary
from vanilla_gan.training.signals import stop_on_signals

Inform = Callable[[str], None]
# How many letters of seeds, of system names and of data set names a heading has room for.
_LISTED, _SYSTEMS, _DATA = 24, 24, 20
SWEEP_JSON, SWEEP_PNG, SWEEP_HTML = "sweep.json", "sweep.png", "sweep.html"


class Program(NamedTuple):
    """How the command line is spelled, which only `cli` knows.

    Attributes:
      train: from the settings of a run to the words of the command that trains it, Python first.
      sweep: the shell command that repeats the sweep.
    """

    train: Callable[[RunConfig], Sequence[str]]
    sweep: str


def sweep(
    config: SweepConfig, grid: Grid, program: Program, inform: Inform
) -> tuple[dict[str, Any], FailedRunsError | None]:
    """Trains the runs of a sweep that are not finished, and sums up all that are.

    Args:
      config: the settings of the sweep.
      grid: values by the name of a setting.
      program: how to train a run.
      inform: called with lines for the user.

    Returns:
      What `summary` found of the runs of all parts, and an error that names the runs of this part
      that failed, if any did. The results are written in either case.

    Raises:
      PluginError: a plug-in was changed meanwhile.
      VanillaGanError: every other failure that a user can cause.
      StoppedBySignal: a signal came; all runs were asked to stop, and have.

    Side effects: writes into `config.out`. In the main thread handles SIGINT, SIGTERM and SIGHUP
    while the runs train.
    """
    runs = planned(config, grid)
    out = config.out_dir
    # If given again, --overwrite would move aside the runs that are finished by then.
    again = "the same command" + (" without --overwrite" if config.overwrite else "")
    with stop_on_signals() as stop, no_empty_folders(out):
        make_out_dir(out)
        remove_leftovers(out, of_a_run=False)
        if not config.overwrite:
            check_alike(runs)
        own = [run for run in runs if run.is_own]
        todo = [run for run in own if config.overwrite or not run.is_finished]
        if len(todo) < len(own):
            inform(f"{len(own) - len(todo)} of {len(own)} runs are finished already")
        with stop.at_once():
            todo = with_data(todo, [] if config.overwrite else runs, inform)
        jobs = [Job(run.name, program.train(run.config), out / f"{run.name}.log") for run in todo]
        ended = run_jobs(jobs, config.jobs or usable_cores(), stop, inform)
        if stop.signal_number is not None:
            done = sum(run.is_finished for run in own)
            raise StoppedBySignal(
                stop.signal_number,
                f"stopped by signal {stop.signal_number}: {done} of {len(own)} runs are finished, "
                f"the others that had begun are saved; {again} continues them",
            )
        check_unchanged()
    # The part that ends last finds the runs of all parts.
    with locked_folder(out, out):
        found = [look_at(run, inform) for run in runs]
        content = _write(config, found, program, inform)
    failed = [
        f"{job.name} ({how_it_ended(ended[job.name])})" for job in jobs if ended[job.name] != 0
    ]
    if not failed:
        return content, None
    return content, FailedRunsError(
        f"{len(failed)} of {len(own)} runs failed: {'; '.join(failed)}; the output of each is in "
        f"{out}/NAME.log; {again} tries them again; to train one from its beginning, move its "
        "folder away first"
    )


def _write(
    config: SweepConfig, found: Sequence[Found], program: Program, inform: Inform
) -> dict[str, Any]:
    """Writes the results of a sweep; the figure and the page only if some run has losses."""
    out, content = config.out_dir, summary(found)
    content = {**content, "command": program.sweep}
    write_whole(out / SWEEP_JSON, json_text(content).encode())
    records = [record for each in found if (record := each.run.record()) is not None]
    if any(each.losses is not None for each in found):
        heading = _heading(config, records)
        counts = {len(classes_of(record.dataset).trained) for record in records}
        classes = counts.pop() if len(counts) == 1 else None
        light, dark = (sweep_png(found, heading, classes, dark=dark) for dark in (False, True))
        write_whole(out / SWEEP_PNG, light)
        command = sendable(program.sweep)
        write_whole(out / SWEEP_HTML, page(content, heading, command, light, dark, classes))
    else:
        # Files of an earlier command would pass for this one's.
        for name in (SWEEP_PNG, SWEEP_HTML):
            clear(out / name, inform)
    return content


def _heading(config: SweepConfig, records: Sequence[RunRecord]) -> str:
    systems = _together([record.config.system for record in records], _SYSTEMS, "systems")
    names = [str(record.dataset["name"]) for record in records]
    datasets = _together(names, _DATA, "data sets")
    seeds = seeds_of(config.seeds)
    first, last = min(seeds), max(seeds)
    if len(seeds) == last - first + 1 > 2:
        which = f"seeds {first} to {last}"
    elif len(config.seeds) <= _LISTED:
        which = f"seeds {config.seeds.replace(',', ', ')}"
    else:
        which = f"{len(seeds)} seeds from {first} to {last}"
    return f"{systems} on {datasets}, {which}"


def _together(names: Sequence[str], most: int, what: str) -> str:
    """Returns the different names for a heading, or how many there are if they are too long."""
    different = [*dict.fromkeys(names)]
    listed = " and ".join(different)
    if len(different) == 1:
        return shortened(listed, most)
    return listed if len(listed) <= most else f"{len(different)} {what}"
