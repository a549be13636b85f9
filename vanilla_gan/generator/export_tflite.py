"""TensorFlow Lite files of both networks, for phones and browsers, converted from a SavedModel."""

from __future__ import annotations

import importlib
import pathlib
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.errors import UsageError
from vanilla_gan.generator.export_record import one_line
from vanilla_gan.generator.trained import Array, Trained
from vanilla_gan.graph.inference import EXPORTED


def write_tflite(
    path: pathlib.Path, trained: Trained, write_saved_model: Callable[[pathlib.Path, Trained], None]
) -> None:
    """Writes both networks as one TensorFlow Lite file, with the signatures of the SavedModel.

    `write_saved_model` writes them to a folder, which the converter reads.

    Raises:
      UsageError: the converter does not know an operation of the networks.
      OSError: the file could not be written.
    """
    with tempfile.TemporaryDirectory(prefix="vanilla_gan-") as scratch, without_chatter():
        folder = pathlib.Path(scratch, "model")
        write_saved_model(folder, trained)
        converter = _lite().TFLiteConverter.from_saved_model(
            str(folder), signature_keys=list(EXPORTED)
        )
        try:
            content: bytes = converter.convert()
        except Exception as error:
            # The converter's errors have no public base class.
            raise UsageError(
                f"--format=tflite: the networks cannot be converted ({one_line(error)}); export a "
                "saved_model instead"
            ) from error
    path.write_bytes(content)


def run_tflite(path: pathlib.Path, signature: str, inputs: dict[str, Array]) -> dict[str, Array]:
    """Returns the outputs of a signature of a TensorFlow Lite file by name, on the CPU."""
    with warnings.catch_warnings(), without_chatter():
        # It warns that it will move to a package of its own.
        warnings.simplefilter("ignore")
        interpreter = _lite().Interpreter(model_content=path.read_bytes())
        found: dict[str, Array] = interpreter.get_signature_runner(signature)(**inputs)
    return found


def _lite() -> Any:
    # Not from `compat.v1`, which has a different converter.
    return importlib.import_module("tensorflow").lite
