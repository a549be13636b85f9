"""What users are told about a disease, in one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vanilla_gan.declare import table_of
from vanilla_gan.health.diagnosis import Episode
from vanilla_gan.settings import RunConfig


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
    others = advice_of(episode)
    tried = f"try {flags}" if flags else ""
    if flags and episode.born:
        tried += " in a new run,"
    elif flags and disease.stays:
        tried += " in a new run, or in a fork of a checkpoint from before it"
        tried += "," if others else ""
    if not tried:
        others = others.removeprefix("or ")
        others = f"try {others}" if others.startswith("--") else others
    advice = " ".join(filter(None, (tried, others))) or "the run already has what usually helps"
    return (
        f"health: {disease.what} ({disease.name}), since iteration {episode.since}; at iteration "
        f"{episode.named}: {numbers}; {advice}"
    )


def advice_of(episode: Episode) -> str:
    """Returns what else to try than the episode's settings, in words; empty if nothing."""
    disease = episode.disease
    if episode.born:
        return disease.born
    others = [f"or {_flag(*other)}{_where(other[0])}" for other in disease.others.items()]
    return "; ".join(filter(None, (*others, disease.advice)))


def ended(episode: Episode) -> str:
    """Returns a line that says that the disease is over."""
    disease = episode.disease
    return (
        f"health: ended at iteration {episode.ended}: {disease.what} ({disease.name}), which began "
        f"at iteration {episode.since}"
    )


def _where(name: str) -> str:
    is_for_new_runs = table_of(RunConfig)[name].effect == "variables"
    return " in a new run" if is_for_new_runs else ""


def _flag(name: str, value: Any) -> str:
    return f"--{name}" if value is True else f"--{name} {value}"
