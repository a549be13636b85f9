"""Systems: one published program per file, with networks and constants as in its listing."""

from vanilla_gan.graph.system import System
from vanilla_gan.systems import (
    acgan,
    conditional,
    conv,
    goodfellow2014,
    infogan,
    layers,
    lsgan,
    vanilla,
    wgan,
    wgan_gp,
)

SYSTEMS: dict[str, System] = {
    "vanilla": vanilla.SYSTEM,
    "layers": layers.SYSTEM,
    "conditional": conditional.SYSTEM,
    "conv": conv.SYSTEM,
    "wgan": wgan.SYSTEM,
    "wgan_gp": wgan_gp.SYSTEM,
    "lsgan": lsgan.SYSTEM,
    "infogan": infogan.SYSTEM,
    "acgan": acgan.SYSTEM,
    "goodfellow2014": goodfellow2014.SYSTEM,
}
