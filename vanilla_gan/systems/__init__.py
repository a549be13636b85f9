"""Systems: one published program a file; its networks and constants read as in its listing."""

from vanilla_gan.systems import conditional, conv, layers, vanilla
from vanilla_gan.systems.system import System

SYSTEMS: dict[str, System] = {
    "vanilla": vanilla.SYSTEM,
    "layers": layers.SYSTEM,
    "conditional": conditional.SYSTEM,
    "conv": conv.SYSTEM,
}
