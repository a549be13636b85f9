"""One system for each kind of network: the other systems only train differently."""

from __future__ import annotations

import pytest

from vanilla_gan.systems import SYSTEMS

BY_D = [*{system.discriminator: name for name, system in reversed(SYSTEMS.items())}.values()][::-1]
_BY_BOTH = {(one.generator, one.discriminator): name for name, one in reversed(SYSTEMS.items())}
# For `parametrize`. The fast ones are those that other tests train anyway.
_FAST = ("vanilla", "layers", "conditional", "conv")
BY_BOTH = [
    pytest.param(name, marks=[] if name in _FAST else pytest.mark.slow)
    for name in [*_BY_BOTH.values()][::-1]
]
