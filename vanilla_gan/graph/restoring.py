"""Restores variables from a TensorFlow checkpoint, after comparing their shapes."""

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
    """Restores a session's variables from a checkpoint, if all shapes fit.

    TensorFlow itself allocates what a checkpoint asks for before it notices a wrong shape.

    Args:
      session: of the variables' graph, which must be the default graph.
      saver: a `tf.train.Saver` of these variables.
      variables: by their names in the checkpoint.
      prefix: the path of the checkpoint's files, without their suffixes.

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
