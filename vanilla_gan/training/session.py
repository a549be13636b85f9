"""Sessions: the ConfigProto of a run and the device that its graph is placed on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from vanilla_gan.config import RunConfig, parse_device
from vanilla_gan.errors import DeviceError
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.quiet import without_chatter


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
            "choose one of these, or check the driver with nvidia-smi and the installation with "
            "pip install 'tensorflow[and-cuda]'"
        )
    return Device(f"/GPU:{wanted}", "asked for")


def visible_gpus() -> list[str]:
    """Returns the GPUs that TensorFlow sees, as `GPU:0`, ...; takes no memory on them."""
    return [device.name.split(":", 1)[1] for device in tf.config.list_physical_devices("GPU")]


def config_proto(config: RunConfig, device: Device) -> Any:
    """Returns the `tf.ConfigProto` of a run's session.

    A run on the CPU hides the GPUs from its session, so that it takes no memory on them.
    """
    on_cpu = device.name.startswith("/CPU")
    proto = tf.ConfigProto(
        device_count={"GPU": 0} if on_cpu else {},
        allow_soft_placement=config.allow_soft_placement,
        log_device_placement=config.log_device_placement,
        intra_op_parallelism_threads=config.intra_op_threads,
        inter_op_parallelism_threads=config.inter_op_threads,
    )
    proto.gpu_options.allow_growth = config.allow_growth
    if config.gpu_memory_fraction is not None:
        proto.gpu_options.per_process_gpu_memory_fraction = config.gpu_memory_fraction
    return proto


def open_session(graph: Any, config: RunConfig, device: Device) -> Any:
    """Returns a `tf.Session` for a graph, as the settings and the device ask for.

    The first session of a process looks for CUDA, and TensorFlow complains where there is none.
    """
    with without_chatter():
        return tf.Session(graph=graph, config=config_proto(config, device))


@contextlib.contextmanager
def memory_errors_told(device: Device) -> Iterator[None]:
    """Turns TensorFlow's own error for memory that is not to be had into one line.

    Raises:
      DeviceError: something within the block did not fit into the device's memory.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise DeviceError(
            f"{device.name} has not enough memory for this run; lower --batch_size, --h_dim or "
            "--z_dim (with --overwrite, if the run has begun), or choose another --device"
        ) from error


def _listing(gpus: list[str]) -> str:
    return ", ".join(gpus) if gpus else "no GPU (only the CPU)"
