"""`--tune`: times several thread counts on this machine and chooses the fastest.

TensorFlow makes some of its threads once per process, for the first session. So each candidate is
timed in a process of its own, which trains the run's networks on random images for some seconds.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from vanilla_gan.data.classes import all_classes
from vanilla_gan.data.dataset import DataSet
from vanilla_gan.data.shape import ImageShape
from vanilla_gan.data.streams import seeded
from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.session import choose_device
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.engines.threads import usable_cores
from vanilla_gan.engines.worker import Worker
from vanilla_gan.errors import DeviceError
from vanilla_gan.plugins.loading import load_plugin
from vanilla_gan.plugins.registry import plugins_of
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

PROBE_S = 2.0
_IMAGES = 2000
_ENDLESS = 1 << 40


def tuned(config: RunConfig, inform: Callable[[str], None]) -> RunConfig:
    """Returns complete settings with the fastest `intra_op_threads` and `inter_op_threads`.

    `inform` is called with a line for each candidate, and one for the choice.

    Raises:
      DeviceError: no candidate could be timed.
    """
    took_ms: dict[tuple[int, int], float] = {}
    for intra, inter in candidates(usable_cores()):
        candidate = dataclasses.replace(config, intra_op_threads=intra, inter_op_threads=inter)
        ms = _timed_apart(candidate)
        threads = f"--intra_op_threads {intra} --inter_op_threads {inter}"
        if ms is None:
            inform(f"tune: {threads}: failed")
            continue
        inform(f"tune: {threads}: {ms:.3g} ms an iteration")
        took_ms[intra, inter] = ms
    if not took_ms:
        raise DeviceError(
            "--tune: every run that it timed failed; leave out --tune to see the run's own error"
        )
    intra, inter = min(took_ms, key=lambda threads: took_ms[threads])
    inform(f"tune: using --intra_op_threads {intra} --inter_op_threads {inter}")
    return dataclasses.replace(config, intra_op_threads=intra, inter_op_threads=inter)


def candidates(cores: int) -> list[tuple[int, int]]:
    """Returns the pairs to try: threads within an operation, and operations at the same time.

    TensorFlow by itself chooses all cores for both. Networks as small as these may be faster with
    one thread per operation, or with fewer of both than there are cores.
    """
    found = [(cores, cores), (1, cores), (1, 2), (2, 2), (cores, 1), (1, 1)]
    fitting = [pair for pair in found if max(pair) <= cores]
    return list(dict.fromkeys(fitting))


def _timed_apart(config: RunConfig) -> float | None:
    """Returns the milliseconds per iteration, timed in a new process; None if that failed."""
    plugins = [plugin.path for plugin in plugins_of(config)]
    isolated = ["-I"] if sys.flags.isolated else []
    done = subprocess.run(
        [sys.executable, *isolated, "-m", "vanilla_gan.training.tune"],
        input=json.dumps([config.to_json(), config.image_shape, config.num_classes, plugins]),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        # A plug-in may have printed lines of its own.
        return float(done.stdout.split()[-1]) if done.returncode == 0 else None
    except (ValueError, IndexError):
        return None


def milliseconds(config: RunConfig, probe_s: float = PROBE_S) -> float:
    """Returns the milliseconds that an iteration takes with these settings, on random images.

    Args:
      config: the complete settings.
      probe_s: about how many seconds to train, warm-up included; at least three blocks.
    """
    random_stream = seeded(0)
    n = max(_IMAGES, config.images_a_step)
    train = DataSet(
        random_stream.randint(0, 256, (n, config.image_shape.size), np.uint8),
        random_stream.randint(0, config.num_classes, n, np.uint8),
        random_stream,
        pixels=SYSTEMS[config.system].pixels(),
        shape=config.image_shape,
        num_classes=config.num_classes,
    )
    # Like a run in progress, without its pictures and checkpoints.
    config = dataclasses.replace(
        config, iters=_ENDLESS, epochs=None, sample_every=_ENDLESS, checkpoint_every=0
    )
    with open_model(config, choose_device(config.device), train.images.shape) as model:
        model.initialise()
        worker = Worker(config, model, train, random_stream)
        trained, best_ms, began_s = 0, float("inf"), time.perf_counter()
        # No picture is due at iteration 1.
        with worker.draws(1) as draws:
            while trained < 3 or time.perf_counter() - began_s < probe_s:
                draw = next(draws)
                assert isinstance(draw, StepsDraw)
                block_began_s = time.perf_counter()
                worker.train(draw)
                took_s = time.perf_counter() - block_began_s
                # The minimum, because anything else that the machine does only adds to the time.
                best_ms = min(best_ms, took_s / len(draw.rows) * 1e3)
                trained += 1
    return best_ms


if __name__ == "__main__":
    settings, shape, num_classes, plugins = json.load(sys.stdin)
    for path in plugins:
        load_plugin(path)
    config = RunConfig.from_json(settings)
    print(milliseconds(config.of_data(ImageShape(*shape), all_classes(num_classes))))
