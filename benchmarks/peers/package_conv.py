"""`python -m vanilla_gan --system conv` in this process, as its users run it.

A chunk runs from one picture to the next, so that a picture is in its time.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile

import conv_task
import numpy as np
import package
import task

from vanilla_gan.cli import main as cli


def main() -> None:
    """Measures."""
    options, flags = conv_task.parser(__doc__).parse_known_args()
    data_dir = options.data_dir
    dataset = "digits" if task.images_path(data_dir, "fashion_mnist") is None else "fashion_mnist"
    ticks = package.Ticks()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(ticks):
        flags += [
            "--system=conv",
            f"--dataset={dataset}",
            f"--data_dir={data_dir if dataset == 'fashion_mnist' else folder}",
            f"--out={folder}/out",
            f"--seed={task.SEED}",
            f"--precision={options.precision}",
            f"--batch_size={options.batch}",
            f"--iters={(options.chunks + 2) * options.steps}",
            f"--sample_every={options.steps}",
        ]
        status = cli.main(["train", *flags])
    if status:
        sys.exit(status)
    # The first chunk warms up; the last is not timed, because no published line ends it.
    ms = np.diff(ticks.times_s)[1 : 1 + options.chunks] / options.steps * 1e3
    task.report(package.versions(), ms=ms.tolist())


if __name__ == "__main__":
    main()
