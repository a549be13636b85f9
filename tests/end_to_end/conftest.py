"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from commands import small_run
from results import differences
from runner import Finished, run

ITERS = 300


@pytest.fixture
def words(offline_data_dir: pathlib.Path) -> Callable[..., list[str]]:
    """Returns a function that makes the flags of a 300-iteration run; settings may be changed."""

    def with_settings(**changed: Any) -> list[str]:
        settings = {"data_dir": offline_data_dir, "iters": ITERS, "out": "out"}
        return small_run(**{**settings, **changed})

    return with_settings


@pytest.fixture(scope="session")
def undisturbed(
    offline_data_dir: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., pathlib.Path]:
    """Returns a function that gives the output of an undisturbed run with the given settings."""
    made: dict[str, pathlib.Path] = {}

    def of_settings(status: int = 0, **changed: Any) -> pathlib.Path:
        key = repr(sorted(changed.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("undisturbed")
            settings = {"iters": ITERS, "out": "out", **changed}
            finished = run(small_run(offline_data_dir, **settings), folder)
            assert finished.status == status, finished.stderr
            made[key] = folder / "out"
        return made[key]

    return of_settings


@pytest.fixture
def command(tmp_path: pathlib.Path) -> Callable[..., Finished]:
    """Returns a function that runs a command in the test's own folder and waits for its end."""

    def give(words: Sequence[str], *args: Any, **options: Any) -> Finished:
        return run(words, tmp_path, *args, **options)

    return give


@pytest.fixture
def continues(
    tmp_path: pathlib.Path, command: Callable[..., Finished], words: Any, undisturbed: Any
) -> Callable[..., Finished]:
    """Returns a function that repeats a command and compares the output with an undisturbed run's.

    If no command line is given, it is that of a run with the given settings.
    """

    def check(given: Sequence[str] | None = None, **settings: Any) -> Finished:
        finished = command(given or words(**settings))
        assert finished.status == 0, finished.stderr
        assert differences(tmp_path / "out", undisturbed(**settings)) == []
        return finished

    return check
