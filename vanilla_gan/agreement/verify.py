"""`./run.sh verify`: whether this installation computes what the published programs computed."""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

import numpy as np

from vanilla_gan.agreement.differences import LIMITS, Differences, differences
from vanilla_gan.agreement.initial_weights import LIMIT, PROGRAMS, InitialWeights, initial_weights
from vanilla_gan.agreement.machine import describe_machine
from vanilla_gan.agreement.replay import drawn, exact_products, open_replayer, replay_config
from vanilla_gan.agreement.settings import BOTH, VerifyConfig
from vanilla_gan.agreement.traces import (
    RECORDINGS,
    Bytes,
    Recording,
    Trace,
    offline_data,
    read_traces,
    shipped_traces,
)
from vanilla_gan.data.dataset import VALIDATION_SIZE, DataSet
from vanilla_gan.data.download import catalog
from vanilla_gan.data.finding import find
from vanilla_gan.data.folder import read_folder
from vanilla_gan.data.streams import unread
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import Device, choose_device, memory_errors_told
from vanilla_gan.errors import DataError, UsageError
from vanilla_gan.say import without_nan
from vanilla_gan.settings import ENGINES, RunConfig, default_data_dir
from vanilla_gan.systems import SYSTEMS

FORMAT = 1


class Verdict(NamedTuple):
    """What was found for one state with one engine.

    Attributes:
      recording: the run that was recorded.
      engine: which of the two trained.
      iteration: T.
      draws: whether a run draws the rows and the noise that were recorded, to the bit.
      found: how far the replay is from the trace.
      allowed: the limits for that.
    """

    recording: Recording
    engine: str
    iteration: int
    draws: bool
    found: Differences
    allowed: Differences

    @property
    def passed(self) -> bool:
        """Whether everything is as recorded, within the limits."""
        return self.draws and all(
            value <= limit for value, limit in zip(self.found, self.allowed, strict=True)
        )


class Verification(NamedTuple):
    """All that was found.

    Attributes:
      machine: what decides how numbers are rounded, in one line.
      notes: what was not checked, and why.
      verdicts: of each state with each engine.
      initial: of the untrained weights.
    """

    machine: str
    notes: list[str]
    verdicts: list[Verdict]
    initial: list[InitialWeights]

    @property
    def failed(self) -> int:
        """How many verdicts fail."""
        failed = sum(not verdict.passed for verdict in self.verdicts)
        return failed + sum(not each.passed for each in self.initial)

    @property
    def judged(self) -> int:
        """How many verdicts there are."""
        return len(self.verdicts) + len(self.initial)


def verify(config: VerifyConfig) -> Verification:
    """Replays all traces that are available, and measures the untrained weights.

    Raises:
      UsageError: `traces` is not a folder with traces.
      DataError: a trace is damaged, or the data are not those it was recorded on.
      DeviceError: the device is not there.
    """
    notes: list[str] = []
    traces = {each: shipped_traces(each) for each in RECORDINGS if each.data == "offline"}
    data = {"offline": offline_data()}
    more = {} if config.traces is None else _in_folder(config.traces)
    if more:
        mnist = _mnist(config.data_dir, notes)
        if mnist is not None:
            data["mnist"] = mnist
            traces |= more
    else:
        notes.append(_NO_TRACES)
    with without_chatter():
        device = choose_device(config.device)
    engines = ENGINES if config.engine == BOTH else (config.engine,)
    threads = {name: getattr(config, name) for name in ("intra_op_threads", "inter_op_threads")}
    verdicts = []
    with memory_errors_told(device), exact_products(device):
        for recording, states in traces.items():
            images, labels = data[recording.data]
            for engine in engines:
                run = replay_config(
                    recording, states[0], engine=engine, device=config.device, **threads
                )
                verdicts += _verdicts(recording, states, images, labels, run, device)
        initial = [initial_weights(system, init, device) for system, init in PROGRAMS]
    return Verification(describe_machine(device, **threads), notes, verdicts, initial)


def as_dict(found: Verification) -> dict[str, Any]:
    """Returns a verification in JSON's types; `verify_table` formats it for people."""
    return {
        "format": FORMAT,
        "agrees": found.failed == 0,
        "judged": found.judged,
        "failed": found.failed,
        "machine": found.machine,
        "notes": found.notes,
        "verdicts": [
            {
                **verdict.recording._asdict(),
                "engine": verdict.engine,
                "iteration": verdict.iteration,
                "draws": verdict.draws,
                "found": without_nan(verdict.found._asdict()),
                "allowed": verdict.allowed._asdict(),
                "passed": verdict.passed,
            }
            for verdict in found.verdicts
        ],
        "initial_weights_limit": LIMIT,
        "initial_weights": [{**each._asdict(), "passed": each.passed} for each in found.initial],
    }


_NO_TRACES = (
    "the large traces, on MNIST, were not checked: they do not ship with the package; give "
    "--traces, the folder that holds trace_*_mnist_seed0.npz, and --data_dir"
)


def _in_folder(traces: str) -> dict[Recording, list[Trace]]:
    """Returns the traces on MNIST in a folder.

    Raises:
      UsageError: there are none.
      DataError: one is damaged.
    """
    folder = pathlib.Path(traces)
    paths = {each: folder / f"{each.name}.npz" for each in RECORDINGS if each.data == "mnist"}
    found = {each: read_traces(each, path) for each, path in paths.items() if path.is_file()}
    if not found:
        raise UsageError(
            f"--traces={traces}: it has no traces; expected a folder with at least one of "
            f"{', '.join(path.name for path in paths.values())}"
        )
    return found


def _mnist(data_dir: str | None, notes: list[str]) -> tuple[Bytes, Bytes] | None:
    """Returns MNIST's training split, images and labels; None, with a note, if it is not there.

    Raises:
      DataError: it was asked for and is not there, or it is not MNIST.
    """
    folder = pathlib.Path(data_dir or default_data_dir(), "mnist")
    if data_dir is None and find(folder, catalog.TRAIN_IMAGES) is None:
        notes.append(
            f"the traces on MNIST were not checked: there is no MNIST in {folder}; give --data_dir"
        )
        return None
    raw = read_folder(folder)
    published = {file.name: file.sha256 for file in catalog.CATALOG["mnist"].files}
    other = sorted(name for name, sha256 in raw.files.items() if sha256 != published[name])
    if other:
        raise DataError(
            f"{folder} does not hold the published MNIST, on which the traces were recorded: "
            f"{', '.join(other)} differ; give another --data_dir, or leave out --traces"
        )
    images = raw.train_images[VALIDATION_SIZE:]
    return images.reshape(len(images), -1), raw.train_labels[VALIDATION_SIZE:]


def _verdicts(
    recording: Recording,
    traces: list[Trace],
    images: Bytes,
    labels: Bytes,
    config: RunConfig,
    device: Device,
) -> list[Verdict]:
    """Returns the verdicts of one recording with one engine."""
    draws = drawn(config, len(images), [trace.iteration for trace in traces])
    pixels = SYSTEMS[recording.system].pixels()
    train = DataSet(images, labels, unread(), pixels)
    allowed = LIMITS[recording.data]
    with open_replayer(config, device, train) as replayer:
        return [
            Verdict(
                recording,
                config.engine,
                trace.iteration,
                all(
                    np.array_equal(np.asarray(ours), np.asarray(theirs))
                    for ours, theirs in zip(
                        draws[trace.iteration], (trace.rows, trace.Z_D, trace.Z_G), strict=True
                    )
                ),
                differences(trace, replayer.replay(trace), replayer.learning_rate),
                allowed,
            )
            for trace in traces
        ]
