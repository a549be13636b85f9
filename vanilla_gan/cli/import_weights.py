"""`./run.sh import_weights`: the flags of taking weights from another program's checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from vanilla_gan.cli.flags import Flags
from vanilla_gan.systems import SYSTEMS

SUMMARY = (
    "Takes the weights out of a TensorFlow checkpoint, such as one of the published program under\n"
    "TensorFlow 1.x, and writes them as an npz file for --init_weights."
)


def define() -> Flags:
    """Returns the flags of the command."""
    f = Flags(None)
    f.string("from", "prefix of the checkpoint, as tf.train.Saver.save returned it", default=None)
    f.enum("system", tuple(SYSTEMS), "whose weights they are", default="vanilla")
    f.integer("z_dim", "length of a noise vector, if not the system's own", default=None)
    f.integer("h_dim", "units of a hidden layer, if not the system's own", default=None)
    f.string(
        "map", "JSON file: an object from the system's names to the checkpoint's", default=None
    )
    f.string("out", "npz file to write", default="weights.npz")
    f.boolean("overwrite", "replace what stands at --out", default=False)
    return f


def run(settings: Mapping[str, Any], given: Collection[str]) -> None:
    """Imports; see `import_weights.import_weights`."""
    del given
    from vanilla_gan.generator.import_weights import ImportConfig, import_weights

    renamed = {"source" if name == "from" else name: value for name, value in settings.items()}
    import_weights(ImportConfig(**renamed), lambda line: print(line, file=sys.stderr, flush=True))
