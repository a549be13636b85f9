"""What `./run.sh compare` finds, and the same as JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

from vanilla_gan.agreement.normal import PART_OF
from vanilla_gan.agreement.settings import PARTS
from vanilla_gan.agreement.verdicts import Verdict
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.say import without_nan

FORMAT = 1
AGREES, DISAGREES, NOT_JUDGED = "AGREES", "DISAGREES", "NOT JUDGED"


class Fact(NamedTuple):
    """Something that is true or not, without a range; `passed` is None if it was not compared."""

    what: str
    passed: bool | None
    note: str


class PostLine(NamedTuple):
    """A number of the post's own picture; it does not judge the run.

    Attributes:
      verdict: of the post's picture, by the recorded runs.
      ours: the run's number there; None if the run has no picture.
    """

    verdict: Verdict
    ours: float | None


class ParentLine(NamedTuple):
    """A mean loss of a fork beside that of its parent; it does not judge the run.

    Attributes:
      what: which loss.
      first, last: the first and the last of the iterations that both have, from the fork on.
      ours, theirs: the means of the fork and of its parent.
    """

    what: str
    first: int
    last: int
    ours: float
    theirs: float


class Comparison(NamedTuple):
    """All that was found.

    Attributes:
      source: the run's folder.
      record: what the run is.
      settings: those that differ from the published ones, as `--name value (published: value)`.
      facts: of the pictures and of the recorded losses.
      verdicts: of recorded losses; then of pictures and losses, in the order of iterations.
      post: of the post's own pictures; empty unless asked for.
      notes: what was not compared, and why.
      parent: the losses of a fork beside its parent's, if these are there.
      required: which parts must be judged.
      against: the sweep whose runs judge; None if the recorded runs do.
      judged_by: the runs that judge, in words; None if there are none.
    """

    source: str
    record: RunRecord
    settings: list[str]
    facts: list[Fact]
    verdicts: list[Verdict]
    post: list[PostLine]
    notes: list[str]
    parent: list[ParentLine]
    required: tuple[str, ...] = ()
    against: str | None = None
    judged_by: str | None = None

    @property
    def judged(self) -> int:
        """How many lines have a verdict."""
        return len(self.verdicts) + sum(fact.passed is not None for fact in self.facts)

    @property
    def failed(self) -> int:
        """How many of them fail."""
        failed = sum(not verdict.passed for verdict in self.verdicts)
        return failed + sum(fact.passed is False for fact in self.facts)

    @property
    def parts(self) -> list[str]:
        """Which parts are judged, of `settings.PARTS`."""
        judged = {PART_OF[verdict.what] for verdict in self.verdicts}
        return [part for part in PARTS if part in judged]

    @property
    def missing(self) -> list[str]:
        """Which parts had to be judged and are not."""
        return [part for part in self.required if part not in self.parts]

    @property
    def outcome(self) -> str:
        """`AGREES`, `DISAGREES`, or `NOT JUDGED`.

        A run is not judged if a required part is missing, or if there is no part at all: pictures
        of the right size say nothing about what was trained.
        """
        if self.failed:
            return DISAGREES
        return AGREES if self.parts and not self.missing else NOT_JUDGED

    @property
    def reasons(self) -> list[str]:
        """Why parts are not judged."""
        return [*self.notes, *(fact.note for fact in self.facts if fact.passed is None)]


def as_dict(found: Comparison) -> dict[str, Any]:
    """Returns a comparison in JSON's types; `agreement.table` formats it for people."""
    return {
        "format": FORMAT,
        "outcome": found.outcome,
        "agrees": found.outcome == AGREES,
        "parts": found.parts,
        "missing": found.missing,
        "judged": found.judged,
        "failed": found.failed,
        "source": found.source,
        "run_id": found.record.run_id,
        "system": found.record.config.system,
        "dataset": found.record.dataset,
        "seed": found.record.config.seed,
        "against": found.against,
        "judged_by": found.judged_by,
        "different_settings": found.settings,
        "facts": [fact._asdict() for fact in found.facts],
        "verdicts": [_as_json(verdict) for verdict in found.verdicts],
        "post": [{**_as_json(line.verdict), "ours": line.ours} for line in found.post],
        "notes": found.notes,
        "parent": [without_nan(line._asdict()) for line in found.parent],
    }


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {**without_nan(verdict._asdict()), "passed": verdict.passed}
