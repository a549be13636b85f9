"""What users are told about a disease, in one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vanilla_gan.health.diagnosis import Episode


def lines_of(episodes: Iterable[Episode]) -> list[str]:
    """Returns a line for the beginning of each episode, and one for its end if it has ended."""
    return [
        line
        for episode in episodes
        for line in (begun(episode), *([] if episode.ended is None else [ended(episode)]))
    ]


def begun(episode: Episode) -> str:
    """Returns what is wrong, since when, the numbers, and what to try."""
    disease = episode.disease
    numbers = ", ".join(f"{name} {value:.3g}" for name, value in episode.numbers.items())
    flags = " ".join(_flag(*setting) for setting in episode.settings.items())
    tried = f"try {flags}" if flags else ""
    if flags and episode.born:
        tried += " in a new run,"
    elif flags and disease.stays:
        tried += " in a new run, or in a fork of a checkpoint from before it"
        tried += "," if episode.advice else ""
    else_tried = episode.advice if tried else episode.advice.removeprefix("or ")
    if else_tried.startswith("--"):
        else_tried = f"try {else_tried}"
    advice = " ".join(filter(None, (tried, else_tried))) or "the run already has what usually helps"
    return (
        f"health: {disease.what} ({disease.name}), since iteration {episode.since}; at iteration "
        f"{episode.named}: {numbers}; {advice}"
    )


def ended(episode: Episode) -> str:
    """Returns a line that says that the disease is over."""
    disease = episode.disease
    return (
        f"health: ended at iteration {episode.ended}: {disease.what} ({disease.name}), which began "
        f"at iteration {episode.since}"
    )


def _flag(name: str, value: Any) -> str:
    return f"--{name}" if value is True else f"--{name} {value}"
