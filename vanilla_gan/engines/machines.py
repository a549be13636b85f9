"""Machines: which task of a cluster holds which part of a graph, and the session across them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from vanilla_gan.engines.task import PS, Task
from vanilla_gan.graph.tf1 import tf

# Bytes. TensorFlow puts what it sends to a task into one message, which must be below 2 GiB.
MOST_SENT = 2**31 - 2**20


class Machines(NamedTuple):
    """What the chief of a cluster trains on.

    Attributes:
      task: the chief's, which knows all the others.
      target: the target of its session: the address of its own server.
      timeout_s: how long an answer may take; a machine that takes longer counts as lost.
    """

    task: Task
    target: str
    timeout_s: float

    def placed(self, default: str) -> Callable[[Any], str]:
        """Returns a device function that puts a graph of towers on the tasks of the cluster.

        `/CPU:k` becomes the CPU of the k-th task that trains. Variables are placed on the chief, or
        in turn on the `ps` tasks if there are any; images stay with their tower. An operation on a
        variable is placed where the variable is.

        Args:
          default: the device of operations that do not ask for one.
        """
        holders = itertools.cycle(range(len(self.task.jobs.get(PS, ()))))

        def place(op: Any) -> str:
            asked = tf.DeviceSpec.from_string(op.device or default)
            if asked.device_type == "CPU" and asked.device_index:
                return device(self.task.towers[asked.device_index])
            for tensor in op.inputs:
                if tensor.dtype == tf.resource:
                    return str(_made(tensor).device)
            is_data = op.type == "VarHandleOp" and op.get_attr("dtype") == tf.uint8
            if op.type == "VarHandleOp" and PS in self.task.jobs and not is_data:
                return device((PS, next(holders)))
            return device(self.task.chief, f"{asked.device_type}:{asked.device_index or 0}")

        return place

    def configure(self, proto: Any) -> Any:
        """Returns `proto`, a `tf.ConfigProto`, after setting what a session across tasks needs."""
        # A run that is started again must not find the variables of the earlier session.
        proto.isolate_session_state = True
        # The timeout has no effect without the second line.
        proto.operation_timeout_in_ms = max(1, int(1000 * self.timeout_s))
        proto.rpc_options.use_rpc_for_inprocess_master = True
        return proto


@contextlib.contextmanager
def left_open(session: Any) -> Iterator[None]:
    """Makes a session the default one during the block, as `with session` does.

    It is not closed: that would wait for machines that may be gone. It ends with the process.
    """
    with session.graph.as_default(), session.as_default():
        yield


def device(task: tuple[str, int], on: str = "CPU:0") -> str:
    """Returns TensorFlow's name of a task's device."""
    return f"/job:{task[0]}/task:{task[1]}/device:{on}"


def _made(tensor: Any) -> Any:
    """Returns the operation that made a variable's handle, outside functions that capture it."""
    captures = getattr(tensor.graph, "captures", ())
    outer = next((outer for outer, inner in captures if inner is tensor), None)
    return tensor.op if outer is None else _made(outer)
