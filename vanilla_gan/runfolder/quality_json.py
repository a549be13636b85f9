"""`quality.json`: what a run's evaluations found, by iteration.

    {"format": 1, "evaluations": [
      {"iteration": 10000, "n": 10000, "figures": {"parzen_nats": 86.6, "frechet": null},
       "real": {"parzen_nats": 230.1}, "shares": [0.11, 0.89], "real_shares": [0.5, 0.5]}
    ]}

Iterations ascend, with one evaluation each, of the weights after that many updates. A figure that
cannot be computed is null, never NaN. The run itself and the command `evaluate` add to the file.
"""

from __future__ import annotations

import functools
import itertools
import json
import pathlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vanilla_gan.errors import DamagedRunError
from vanilla_gan.runfolder.names import QUALITY
from vanilla_gan.say import json_text
from vanilla_gan.storage.fields import (
    COUNT,
    NUMBER,
    TEXT,
    Kind,
    check_fields,
    each,
    fields,
    list_of,
    optional,
    whole,
)
from vanilla_gan.storage.files import locked_folder
from vanilla_gan.storage.own import set_aside
from vanilla_gan.storage.reading import read_file, reason_of
from vanilla_gan.storage.whole import write_whole

FORMAT = 1
# About 60,000 evaluations with ten classes, or 9,000 with 256; one more would end the run.
MAX_BYTES = 1 << 26

Figure = float | int | None

_FIELDS: Mapping[str, Kind] = {
    "format": whole(FORMAT, FORMAT),
    "evaluations": list_of(
        fields(
            {"iteration": COUNT, "n": COUNT, "figures": each(TEXT, optional(NUMBER))},
            # Earlier versions did not write these.
            {
                "real": each(TEXT, optional(NUMBER)),
                **dict.fromkeys(("shares", "real_shares"), list_of(NUMBER)),
            },
        )
    ),
}


class Evaluation(NamedTuple):
    """One evaluation.

    Attributes:
      iteration: how many updates the generator had.
      n: how many samples were judged.
      figures: by name, in the order of `quality.figures.Figures`.
      real: the same figures of as many real images; empty if unknown.
      shares: the share of each class among the samples, in [0, 1]; empty if unknown.
      real_shares: the same for the real images.
    """

    iteration: int
    n: int
    figures: Mapping[str, Figure]
    real: Mapping[str, Figure] = types.MappingProxyType({})
    shares: Sequence[float] = ()
    real_shares: Sequence[float] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns its entry in the file, without what is unknown."""
        content = {**self._asdict(), "real": dict(self.real)}
        return {name: value for name, value in content.items() if value not in ({}, ())}


def read_evaluations(out_dir: pathlib.Path) -> list[Evaluation]:
    """Returns the evaluations of a run, in ascending order; none if there is no file.

    Raises:
      DamagedRunError: the file cannot be read, or is not a file of evaluations.
    """
    path = out_dir / QUALITY
    try:
        content = json.loads(read_file(path, MAX_BYTES))
        check_fields(content, _FIELDS)
        found = [Evaluation(**entry) for entry in content["evaluations"]]
        if any(one.iteration >= next_.iteration for one, next_ in itertools.pairwise(found)):
            raise ValueError("its iterations do not ascend")
        if any(len({len(one.shares), len(one.real_shares)} - {0}) > 1 for one in found):
            raise ValueError("its shares and real_shares are not of the same classes")
        return found
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedRunError(
            f"{path} is not a file of evaluations: {reason_of(error)}; put the original back, "
            "or remove it and make its figures again with ./run.sh evaluate"
        ) from error


def add_evaluation(
    out_dir: pathlib.Path, evaluation: Evaluation, inform: Callable[[str], None] = lambda line: None
) -> None:
    """Adds an evaluation, which replaces an earlier one of the same iteration.

    `inform` is called with one line if it has to wait for another process.

    Raises:
      DamagedRunError: see `read_evaluations`.
      OutputError: the file could not be written.
    """

    def changed(found: list[Evaluation]) -> list[Evaluation]:
        others = [other for other in found if other.iteration != evaluation.iteration]
        return sorted([*others, evaluation], key=lambda each: each.iteration)

    _change(out_dir, changed, inform)


def go_back_to(out_dir: pathlib.Path, iteration: int, warn: Callable[[str], None]) -> None:
    """Drops all evaluations later than `iteration`, which a continued run will make again.

    At iteration 0 it drops all. A file that cannot be read is renamed, and `warn` is called with
    one line; training does not need the file.

    Raises:
      OutputError: the file could not be written or renamed.
    """
    try:
        read_evaluations(out_dir)
    except DamagedRunError as error:
        aside = set_aside(out_dir / QUALITY)
        warn(f"warning: {error}; it was renamed to {aside}, and the next evaluation starts anew")

    def changed(found: list[Evaluation]) -> list[Evaluation]:
        return [each for each in found if iteration > 0 and each.iteration <= iteration]

    _change(out_dir, changed, warn)


def _change(
    out_dir: pathlib.Path,
    changed: Callable[[list[Evaluation]], list[Evaluation]],
    inform: Callable[[str], None],
) -> None:
    path = out_dir / QUALITY
    told = functools.partial(inform, f"{path}: another process is changing it; waiting for it")
    with locked_folder(out_dir, path, told):
        found = read_evaluations(out_dir)
        wanted = changed(found)
        if wanted != found:
            content = {"format": FORMAT, "evaluations": [each.as_json() for each in wanted]}
            write_whole(path, json_text(content).encode())
