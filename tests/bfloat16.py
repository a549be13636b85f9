"""Skips the tests of bfloat16 on processors that would only emulate it."""

from __future__ import annotations

import pytest

from vanilla_gan.engines.session import Device, check_precision
from vanilla_gan.errors import DeviceError

CPU = Device("/CPU:0", "a test")


def _computes_in_bfloat16() -> bool:
    try:
        check_precision("bfloat16", CPU)
    except DeviceError:
        return False
    return True


needs_bfloat16 = pytest.mark.skipif(
    not _computes_in_bfloat16(), reason="this processor would only emulate bfloat16"
)
