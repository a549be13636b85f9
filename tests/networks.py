"""One system of each kind of network: the others differ in how they train."""

from __future__ import annotations

from vanilla_gan.systems import SYSTEMS

BY_D = [*{system.discriminator: name for name, system in reversed(SYSTEMS.items())}.values()][::-1]
BY_BOTH = [
    *{(one.generator, one.discriminator): name for name, one in reversed(SYSTEMS.items())}.values()
][::-1]
