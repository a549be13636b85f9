"""Makes `vanilla_gan/agreement/recorded/*.npz`: some states of the recorded small traces.

    .venv/bin/python tests/data/make_traces.py REFERENCE_DIR [FOLDER]

REFERENCE_DIR holds `trace_*_offline.npz`. FOLDER is the package's unless it is given. Each file has
the states of three T, and leaves out the losses of the other iterations.
"""

from __future__ import annotations

import pathlib
import re
import sys

import numpy as np

from vanilla_gan.agreement.traces import RECORDINGS, SHIPPED

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "vanilla_gan" / "agreement" / SHIPPED
# The first step, one where Adam still corrects its moments a lot, and the last that was recorded.
STATES = {"trace_vanilla_log_offline": (0, 10, 100)}
OTHERS = (0, 10, 1000)


def make(reference_dir: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the file of each small recording."""
    folder.mkdir(exist_ok=True)
    for recording in RECORDINGS:
        if recording.data != "offline":
            continue
        states = "|".join(map(str, STATES.get(recording.name, OTHERS)))
        with np.load(reference_dir / f"{recording.name}.npz") as arrays:
            kept = {
                name: arrays[name] for name in arrays if re.match(rf"(at|after)({states})/", name)
            }
        # Compressed: the moments before the first step are zeros. The bytes depend on the version
        # of zlib, the arrays do not.
        np.savez_compressed(folder / f"{recording.name}.npz", **kept)


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else TARGET
    make(pathlib.Path(sys.argv[1]), target)
