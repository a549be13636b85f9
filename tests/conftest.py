"""Fixtures that several test files share."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest


@pytest.fixture
def real_data_dir() -> pathlib.Path:
    """Returns the folder that holds `mnist/` and `fashion_mnist/`; skips the test without it."""
    beside = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = pathlib.Path(os.environ.get("VANILLA_GAN_DATA") or beside)
    if not (folder / "mnist").is_dir():
        pytest.skip(f"needs the real data: no mnist/ in {folder}; set VANILLA_GAN_DATA")
    return folder


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Returns a context without root's right to read and write everything, if root runs the tests.

    Paths within it must be relative to the working folder: the folders above are not for everybody.
    """

    @contextlib.contextmanager
    def drop() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop
