"""How many threads an operation gets: the choice, and that TensorFlow keeps to it."""

from __future__ import annotations

import json
import pathlib
import textwrap

import pytest
from processes import python

from vanilla_gan.engines.threads import threads_within_operation
from vanilla_gan.settings import RunConfig

# Floating point operations of the largest product, 2 * batch * 784 * hidden, in millions.
SMALL = {"batch_size": 128, "h_dim": 128}  # 26
LARGE = {"batch_size": 256, "h_dim": 128}  # 51


@pytest.mark.parametrize(
    ("settings", "cores", "threads"),
    [
        (SMALL, 1, 1),
        (SMALL, 2, 1),
        (SMALL, 16, 1),
        (LARGE, 1, 1),
        (LARGE, 2, 1),
        (LARGE, 3, 1),
        (LARGE, 16, 8),
        ({**SMALL, "engine": "feed"}, 16, 1),
        ({**LARGE, "engine": "feed"}, 16, 16),
        ({**SMALL, "h_dim": 2048}, 4, 2),
        # The largest weights are 512 x 1024, and 129 x 784 in the next row.
        ({**SMALL, "h_dim": (64, 512, 1024, 32)}, 4, 2),
        ({**SMALL, "h_dim": (32, 129)}, 4, 1),
        ({"system": "layers"}, 16, 1),
        ({"system": "conditional", "batch_size": 4096}, 16, 8),
        ({"system": "conv"}, 1, 1),
        ({"system": "conv"}, 16, 16),
        ({**SMALL, "intra_op_threads": 5}, 2, 5),
        ({"system": "conv", "intra_op_threads": 1}, 2, 1),
    ],
)
def test_the_threads_of_an_operation(settings, cores, threads):
    assert threads_within_operation(RunConfig(**settings).resolved(), cores) == threads


CODE = textwrap.dedent("""
    import json, os

    from vanilla_gan.cli import main as cli
    from vanilla_gan.settings import RunConfig
    from vanilla_gan.engines.model import open_model
    from vanilla_gan.engines.session import Device

    assert cli.main(["--version"]) == 0

    def threads_of_a_session(intra):
        config = RunConfig(seed=0, h_dim=3, z_dim=2, batch_size=2, intra_op_threads=intra)
        before = len(os.listdir("/proc/self/task"))
        with open_model(config.resolved().counted(10), Device("/CPU:0", "a test")) as model:
            model.initialise()
            return len(os.listdir("/proc/self/task")) - before

    threads_of_a_session(1)  # makes what all sessions share
    print(json.dumps([threads_of_a_session(intra) for intra in (0, 1, 3, 8)]))
""")


@pytest.mark.skipif(not pathlib.Path("/proc/self/task").is_dir(), reason="needs Linux' /proc")
def test_a_session_has_the_threads_that_it_was_given():
    done = python("-c", CODE)
    chosen, one, three, eight = json.loads(done.stdout.splitlines()[-1])
    assert (chosen - one, three - one, eight - one) == (0, 2, 7)
