"""Variables read back from a TensorFlow checkpoint, after its shapes were compared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from vanilla_gan.graph.tf1 import tf
from vanilla_gan.storage.plain_path import plain_path
from vanilla_gan.storage.reading import reason_of


def restore_variables(
    session: Any, saver: Any, variables: Mapping[str, Any], prefix: str | os.PathLike[str]
) -> None:
    """Gives the graph of a session its variables from a checkpoint.

    TensorFlow takes the memory that a checkpoint names before it finds that a shape does not fit.

    Args:
      session: of the graph; its default graph.
      saver: a `tf.train.Saver` of these variables.
      variables: by their names in the checkpoint.
      prefix: the path of the checkpoint's files, up to their endings.

    Raises:
      ValueError: a file is missing or damaged, or a variable is missing or has another shape.
    """
    try:
        with plain_path(prefix) as plain:
            found = tf.train.load_checkpoint(plain).get_variable_to_shape_map()
            for name, variable in variables.items():
                shape = variable.shape.as_list()
                if found.get(name) != shape:
                    raise ValueError(f"{name} has shape {found.get(name)}, expected {shape}")
            saver.restore(session, plain)
    except (tf.errors.OpError, RuntimeError, LookupError, OSError) as error:
        raise ValueError(reason_of(error)) from error
