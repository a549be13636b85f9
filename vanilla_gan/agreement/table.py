"""The table that `./run.sh compare` prints: a line for each verdict, and one for all of them."""

from __future__ import annotations

from typing import Any

_FACT = "{:<17}{:<6}{}"
_ROW = "{:>9}  {:<30}{:>10}   {:<23} {}"
_POST_ROW = "{:>9}  {:<30}{:>10}   {:<23} {:<9}{:>10}"
_WORDS = {True: "PASS", False: "FAIL", None: "-"}


def agreement_table(found: dict[str, Any]) -> str:
    """Returns lines of at most 100 columns, except notes, for what `comparison.as_dict` holds."""
    dataset = found["dataset"]["name"]
    lines = [
        f"{found['source']}: {found['system']} on {dataset}, seed {found['seed']}",
        _beside(found),
        *(f"note: {note}" for note in found["notes"]),
        "",
        *(
            _FACT.format(fact["what"], _WORDS[fact["passed"]], fact["note"])
            for fact in found["facts"]
        ),
    ]
    if found["verdicts"]:
        lines += ["", _ROW.format("iteration", "quantity", "this run", "expected", "verdict")]
        lines += [_verdict(verdict) for verdict in found["verdicts"]]
    if found["post"]:
        lines += _post(found["post"])
    if found["parent"]:
        lines += _parent(found["parent"])
    return "\n".join([*lines, "", _summary(found)])


def _beside(found: dict[str, Any]) -> str:
    if found["against"] is not None:
        return f"judged by {found['judged_by'] or 'nothing'}"
    return "not as published: " + ("; ".join(found["different_settings"]) or "nothing")


def _verdict(verdict: dict[str, Any]) -> str:
    return _ROW.format(
        verdict["iteration"],
        verdict["what"],
        _shown(verdict["value"]),
        _range(verdict),
        _WORDS[verdict["passed"]]
        + (", by rounding here" if verdict["passed"] and verdict["rounding"] is not None else ""),
    )


def _post(lines: list[dict[str, Any]]) -> list[str]:
    """Returns the lines of the post's own pictures."""
    inside = sum(line["passed"] for line in lines)
    return [
        "",
        f"The post's own pictures, {inside} of {len(lines)} numbers within the spread of the "
        "recorded runs",
        "(not counted: the post's program drew the data in an older order):",
        _POST_ROW.format("iteration", "quantity", "post", "expected", "", "this run"),
        *(
            _POST_ROW.format(
                line["iteration"],
                line["what"],
                _shown(line["value"]),
                _range(line),
                "inside" if line["passed"] else "OUTSIDE",
                "-" if line["ours"] is None else _shown(line["ours"]),
            )
            for line in lines
        ),
    ]


def _parent(lines: list[dict[str, Any]]) -> list[str]:
    """Returns the lines of a fork beside its parent."""
    span = f"{lines[0]['first']} to {lines[0]['last']}"
    return [
        "",
        f"Means over iterations {span}, beside the run that this one is a fork of:",
        _ROW.format("", "quantity", "this run", "parent", ""),
        *(
            _ROW.format(
                "", line["what"], _shown(line["ours"]), f"{_shown(line['theirs']):>9}", ""
            ).rstrip()
            for line in lines
        ),
    ]


def _summary(found: dict[str, Any]) -> str:
    judged, failed, outcome = found["judged"], found["failed"], found["outcome"]
    if failed:
        return f"{outcome}: {failed} of {judged} verdicts fail"
    if found["missing"]:
        return f"{outcome}: {', '.join(found['missing'])}: required, but could not be judged"
    if not found["agrees"]:
        return f"{outcome}: neither its pictures nor its losses could be compared; see above"
    return f"{outcome}: {judged} of {judged} verdicts pass"


def _range(verdict: dict[str, Any]) -> str:
    return f"{_shown(verdict['low']):>9} to {_shown(verdict['high'])}"


def _shown(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"
