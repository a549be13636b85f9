"""Sessions: the ConfigProto of a run and the device that its graph is placed on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from vanilla_gan.engines.machines import Machines
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.errors import DeviceError
from vanilla_gan.graph.processor import has_instructions
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig, parse_device

_BFLOAT16 = ("avx512_bf16", "amx_bf16")


class Device(NamedTuple):
    """A device chosen for a run.

    Attributes:
      name: what `tf.device` takes, such as `/CPU:0` or `/GPU:1`.
      reason: why it was taken, in a few words for the user.
    """

    name: str
    reason: str


def choose_device(setting: str) -> Device:
    """Returns the device for a `--device` value, after asking TensorFlow what there is.

    Raises:
      DeviceError: a GPU was asked for that TensorFlow does not see.
    """
    kind, index = parse_device(setting)
    if kind == "cpu":
        return Device("/CPU:0", "asked for")
    gpus = visible_gpus()
    if kind == "auto":
        if gpus:
            return Device("/GPU:0", f"TensorFlow sees {_listing(gpus)}")
        return Device("/CPU:0", "TensorFlow sees no GPU")
    wanted = index or 0
    if wanted >= len(gpus):
        raise DeviceError(
            f"--device={setting}: TensorFlow {tf.__version__} sees {_listing(gpus)} here; "
            "choose a device that it sees, or check the driver with nvidia-smi and the "
            "installation with pip install 'tensorflow[and-cuda]'"
        )
    return Device(f"/GPU:{wanted}", "asked for")


def check_precision(setting: str, device: Device) -> None:
    """Checks that a `--precision` is one that the device computes in.

    TensorFlow would emulate bfloat16 on any other processor, slower than float32.

    Raises:
      DeviceError: it is not.
    """
    if setting == "float32":
        return
    if not device.name.startswith("/CPU"):
        raise DeviceError(
            f"--precision={setting} is for CPUs only, but this run is placed on {device.name}; "
            "leave it out, or give --device cpu"
        )
    if not any(has_instructions(name) for name in _BFLOAT16):
        raise DeviceError(
            f"--precision={setting}: this processor has neither AVX512-BF16 nor AMX-BF16 and would "
            "only emulate it, slower than float32; leave it out"
        )


def check_towers(towers: int, device: Device) -> None:
    """Checks that several `--towers` are on the CPU.

    Raises:
      DeviceError: they are not.
    """
    if towers > 1 and not device.name.startswith("/CPU"):
        raise DeviceError(
            f"--towers={towers} is for CPUs only, but this run is placed on {device.name}; leave "
            "it out, or give --device cpu"
        )


def visible_gpus() -> list[str]:
    """Returns the GPUs that TensorFlow sees, as `GPU:0`, ...; takes no memory on them."""
    return [device.name.split(":", 1)[1] for device in tf.config.list_physical_devices("GPU")]


def config_proto(config: RunConfig, device: Device) -> Any:
    """Returns the `tf.ConfigProto` of a run's session.

    A run on the CPU hides the GPUs from its session, so that it takes no memory on them. Each of
    several towers has a device of its own, with threads of its own. With `--precision bfloat16`
    TensorFlow's own mixed precision rewrites the graph: products and convolutions take and give
    bfloat16 and add up in float32, while variables and both Adams stay float32. Layers that are
    given a training pass convert to bfloat16 by themselves.
    """
    on_cpu = device.name.startswith("/CPU")
    devices = {"GPU": 0} if on_cpu else {}
    if config.towers > 1:
        devices["CPU"] = config.towers
    proto = tf.ConfigProto(
        device_count=devices,
        allow_soft_placement=config.allow_soft_placement,
        log_device_placement=config.log_device_placement,
        intra_op_parallelism_threads=config.intra_op_threads,
        inter_op_parallelism_threads=config.inter_op_threads,
    )
    if config.precision == "bfloat16":
        from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

        rewrites = proto.graph_options.rewrite_options
        rewrites.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
    proto.gpu_options.allow_growth = config.allow_growth
    if config.gpu_memory_fraction is not None:
        proto.gpu_options.per_process_gpu_memory_fraction = config.gpu_memory_fraction
    return proto


def open_session(
    graph: Any, config: RunConfig, device: Device, machines: Machines | None = None
) -> Any:
    """Returns a `tf.Session` for a graph, configured for the settings and the device.

    The first session of a process looks for CUDA, and TensorFlow complains if there is none.
    """
    with without_chatter():
        proto = config_proto(config, device)
        if machines is not None:
            proto = machines.configure(proto)
        return tf.Session(machines.target if machines else "", graph=graph, config=proto)


@contextlib.contextmanager
def little_for_the_eager_side(config: RunConfig) -> Iterator[None]:
    """Lets TensorFlow's eager side, which building a loop starts, take memory as it needs it.

    It takes some memory of every GPU that the process sees, even if the session is on the CPU.

    Raises:
      DeviceError: a GPU does not have even that much left.
    """
    name = "TF_FORCE_GPU_ALLOW_GROWTH"
    before = os.environ.get(name)
    if config.allow_growth and before is None:
        os.environ[name] = "true"
    try:
        yield
    except tf.errors.InternalError as error:
        if "out of memory" not in str(error):
            raise
        raise DeviceError(
            "TensorFlow opens every GPU that it sees, and one of them has no memory left; free "
            "some memory, or hide the GPUs: set CUDA_VISIBLE_DEVICES=-1 before the start"
        ) from error
    finally:
        if before is None:
            os.environ.pop(name, None)


@contextlib.contextmanager
def memory_errors_told(device: Device) -> Iterator[None]:
    """Turns TensorFlow's out-of-memory error into one line for the user.

    Raises:
      DeviceError: something within the block did not fit into the device's memory.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise DeviceError(
            f"{device.name} does not have enough memory for this run; if it uses --engine loop, "
            "which keeps all images there, give --engine feed; or lower --batch_size, --h_dim or "
            "--z_dim (with --overwrite, if the run has begun), or choose another --device"
        ) from error


def _listing(gpus: list[str]) -> str:
    return ", ".join(gpus) if gpus else "no GPU (only the CPU)"
