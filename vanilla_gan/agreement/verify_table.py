"""The table that `./run.sh verify` prints: a line per trace and engine, and one for all of them."""

from __future__ import annotations

from typing import Any

_ROW = "{:<20}{:<7}{:<17}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8} {:<8}{}"
_WORDS = {True: "PASS", False: "FAIL"}


def verify_table(found: dict[str, Any]) -> str:
    """Returns lines of at most 105 columns, except the first, for what `verify.as_dict` holds."""
    states: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for verdict in found["verdicts"]:
        states.setdefault((verdict["name"], verdict["engine"]), []).append(verdict)
    return "\n".join(
        [
            f"machine: {found['machine']}",
            *(f"note: {note}" for note in found["notes"]),
            "",
            "Iterations T..T+4, replayed from states of TensorFlow 1.15.5. Largest differences "
            "from its results:",
            "  loss, to T+4: relative difference of the losses at T, and over T..T+4",
            "  logits, samples: before T; logits relative to the largest logit",
            "  weights, share: after T, in learning rates; share of them off by over 0.001 of one",
            "  draws: whether a run draws the same batches and noise as the recorded one",
            "",
            _ROW.format(
                "trace", "engine", "T",
                "loss", "to T+4", "logits", "samples", "weights", "share", "draws", "",
            ),
            *_lines(states),
            "",
            "Untrained weights, relative difference from the published formula "
            f"(at most {found['initial_weights_limit']:g}):",
            *(
                f"  {each['system']:<12}{each['init']:<14}width {each['width']:.1e}  "
                f"kurtosis {each['kurtosis']:.1e}  {_WORDS[each['passed']]}"
                for each in found["initial_weights"]
            ),
            "",
            _summary(found),
        ]
    )  # fmt: skip


def _lines(states: dict[tuple[str, str], list[dict[str, Any]]]) -> list[str]:
    """Returns a line per trace and engine, and one with the limits before each kind of data."""
    lines = []
    data = ""
    for (name, engine), verdicts in states.items():
        if verdicts[0]["data"] != data:
            data = verdicts[0]["data"]
            allowed = [f"{limit:.1e}" for limit in verdicts[0]["allowed"].values()]
            lines.append(_ROW.format(f"at most ({data})", "", "", *allowed, "same", ""))
        columns = zip(*(verdict["found"].values() for verdict in verdicts), strict=True)
        lines.append(
            _ROW.format(
                name.removeprefix("trace_").removesuffix("_seed0"),
                engine,
                ", ".join(str(verdict["iteration"]) for verdict in verdicts),
                *(_largest(column) for column in columns),
                "same" if all(verdict["draws"] for verdict in verdicts) else "other",
                _WORDS[all(verdict["passed"] for verdict in verdicts)],
            )
        )
    return lines


def _largest(values: tuple[float | None, ...]) -> str:
    """Returns the largest of numbers, or `inf` if one is None, which stands for not finite."""
    known = [value for value in values if value is not None]
    return "inf" if len(known) < len(values) else f"{max(known):.1e}"


def _summary(found: dict[str, Any]) -> str:
    judged, failed = found["judged"], found["failed"]
    if failed:
        return f"DISAGREES: {failed} of {judged} verdicts fail"
    return f"AGREES: this installation computes what was published; {judged} of {judged} pass"
