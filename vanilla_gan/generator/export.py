"""`./run.sh export`: a trained system as a SavedModel, as weights by name, ONNX, or TFLite.

Each export is written under a temporary path, read back, and compared with the session that it was
made from; only then is it moved to its place.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import itertools
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.streams import MOVED, seeded
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import Device
from vanilla_gan.errors import OutputError, UsageError
from vanilla_gan.generator.export_onnx import check_onnx_installed, run_onnx, write_onnx
from vanilla_gan.generator.export_record import is_export, write_origin
from vanilla_gan.generator.export_tflite import run_tflite, write_tflite
from vanilla_gan.generator.generator import open_trained
from vanilla_gan.generator.settings import ExportConfig
from vanilla_gan.generator.trained import Array, Trained, open_export
from vanilla_gan.generator.written_graph import open_written_graph
from vanilla_gan.graph.inference import EXPORTED, IMAGES, SIGNATURES, inference_shapes, with_images
from vanilla_gan.graph.tf1 import tf, told_reason
from vanilla_gan.graph.weights import read_weights
from vanilla_gan.runfolder.place import Place
from vanilla_gan.storage.npz import write_npz
from vanilla_gan.storage.plain_path import plain_path

CPU = Device("/CPU:0", "exports are made there")

# The signature that TensorFlow Serving uses by default.
DEFAULT_SIGNATURE = "serving_default"

# How many images an export is tried on.
TRIALS = 64

# How far the results of ONNX and TensorFlow Lite may be off: ONNX_TOLERANCE or, if more,
# ONNX_LAST_BITS times the change of TensorFlow's own results when each input changes by its last
# bit. onnxruntime adds up products in another order; it was never off by more than 2 such changes.
ONNX_TOLERANCE = 4e-6  # what the recorded states allow for logits
ONNX_LAST_BITS = 8


def export(config: ExportConfig, inform: Callable[[str], None]) -> pathlib.Path:
    """Exports what `config` asks for, and returns its path; `inform` gets each line for the user.

    Raises:
      VanillaGanError: there is nothing to load, the place is occupied or not writable, or the
        export does not give back what went in.
    """
    # Not `Path.resolve`, which raises a RuntimeError for a link to itself.
    named = (pathlib.Path(config.source), config.path)
    source, target = (pathlib.Path(os.path.realpath(path)) for path in named)
    if target in (source, *source.parents):
        raise UsageError(
            f"--out={config.path}: this is --from={config.source} itself, or a folder that "
            "contains it; choose another name"
        )
    if config.format == "onnx":
        check_onnx_installed()
    place = Place(config.path, config.overwrite, is_export)
    place.check()
    with open_trained(config.source, inform=inform) as trained:
        with trained.session.graph.as_default():
            trained.tensors = with_images(
                trained.origin.system, trained.origin.config, trained.tensors
            )
        with place.whole() as temporary:
            if config.format == "saved_model":
                write_saved_model(temporary, trained)
                verdict = _check_saved_model(temporary, trained)
            elif config.format == "npz":
                write_npz(temporary, trained.weights())
                verdict = _check_npz(temporary, trained)
            elif config.format == "tflite":
                write_tflite(temporary, trained, write_saved_model)
                runs = {each: functools.partial(run_tflite, temporary, each) for each in EXPORTED}
                verdict = _check_close(temporary, trained, runs, "the TensorFlow Lite interpreter")
            else:
                write_onnx(temporary, trained, config.onnx_signature)
                runs = {config.onnx_signature: functools.partial(run_onnx, temporary)}
                verdict = _check_close(temporary, trained, runs, "onnxruntime")
        origin = trained.origin
        inform(
            f"wrote {config.path}: {origin.config.system} after {origin.iteration} iterations; "
            f"read back, {verdict}"
        )
        if config.format == "npz" and len(trained.variables) > len(trained.trained):
            inform(
                "note: the file holds weights only, so it lacks the moving averages of batch "
                "normalisation and the vectors of --spectral_norm; a run that starts from it "
                "measures them anew; to draw images, export a SavedModel"
            )
    return config.path


def write_saved_model(folder: pathlib.Path, trained: Trained) -> None:
    """Writes both networks as a SavedModel, with `vanilla_gan.json` in its folder.

    Signatures, float32 unless stated otherwise, with any number of rows B:
      generate: z [B, Z_dim] (and y, one-hot [B, num_classes]) to images [B, size];
      discriminate: x [B, size] (and y) to probability and logit [B, 1], one for each `pack` rows;
      generate_images: z (and label, int64 [B]) to images, uint8 [B, H, W, C];
      serving_default: as generate.

    Args:
      folder: the folder to write; it must not exist.
      trained: the networks, in a graph that holds nothing else.

    Raises:
      OSError: it could not be written.
      OutputError: `vanilla_gan.json` could not be written.
    """
    tensors = trained.tensors
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(without_chatter())
            stack.enter_context(trained.session.graph.as_default())
            signatures = {
                signature: tf.saved_model.build_signature_def(
                    _described(tensors.inputs(signature)),
                    _described(tensors.outputs(signature)),
                    tf.saved_model.signature_constants.PREDICT_METHOD_NAME,
                )
                for signature in EXPORTED
            }
            signatures[DEFAULT_SIGNATURE] = signatures[SIGNATURES[0]]
            plain = stack.enter_context(plain_path(folder.parent / "saved_model"))
            builder = tf.saved_model.Builder(plain)
            builder.add_meta_graph_and_variables(
                trained.session,
                [tf.saved_model.tag_constants.SERVING],
                signature_def_map=signatures,
                clear_devices=True,
                strip_default_attrs=True,
            )
            builder.save()
        # Written under a plain name, because TensorFlow cannot write to every folder name.
        os.rename(folder.parent / "saved_model", folder)
    except tf.errors.OpError as error:
        # TensorFlow reports a full disk and the like as errors of its own.
        raise OSError(errno.EIO, told_reason(error), str(folder)) from error
    write_origin(folder, trained.origin)


def trial_inputs(trained: Trained, signature: str) -> dict[str, npt.NDArray[Any]]:
    """Returns inputs to try a signature on, by name: noise from seed 0, and the classes in turn.

    The discriminator's images are those that the generator draws from the noise.
    """
    system, config = trained.origin.system, trained.origin.config
    z_dim, num_classes = config.resolved_int("z_dim"), config.num_classes
    noise = system.sample_Z(seeded(0), TRIALS, z_dim).astype(np.float32)
    labels: dict[str, Array] = {}
    if system.conditional:
        classes = np.arange(TRIALS) % num_classes
        labels["y"] = np.eye(num_classes, dtype=np.float32)[classes]
    if signature == IMAGES:
        return {"z": noise, "label": classes} if system.conditional else {"z": noise}
    if signature == "generate":
        return {"z": noise, **labels}
    images = trained.run("generate", z=noise, **labels)["images"]
    told = labels if "y" in trained.tensors.inputs(signature) else {}
    return {"x": images, **told}


def _described(tensors: dict[str, Any]) -> dict[str, Any]:
    """Returns a signature's entry for each tensor; TensorFlow's own function is deprecated."""
    return {
        name: tf.TensorInfo(
            name=tensor.name,
            dtype=tensor.dtype.as_datatype_enum,
            tensor_shape=tensor.shape.as_proto(),
        )
        for name, tensor in tensors.items()
    }


def _check_saved_model(folder: pathlib.Path, trained: Trained) -> str:
    config = dataclasses.replace(trained.origin.config, precision="float32")
    with open_export(folder, CPU) as found, open_written_graph(folder, config, CPU) as run_written:
        for signature in SIGNATURES:
            inputs = trial_inputs(trained, signature)
            expected = trained.run(signature, **inputs)
            _check_same(folder, expected, found.run(signature, **inputs))
            _check_same(folder, expected, run_written(signature, inputs))
        inputs = trial_inputs(trained, IMAGES)
        _check_same(folder, trained.run(IMAGES, **inputs), run_written(IMAGES, inputs))
        _check_same(folder, trained.weights(), found.weights())
    return f"the same images and logits, bit for bit ({TRIALS} tried)"


def _check_npz(path: pathlib.Path, trained: Trained) -> str:
    shapes, _ = inference_shapes(trained.origin.system, trained.origin.config)
    _check_same(path, trained.weights(), read_weights(path, shapes))
    return f"the same {len(shapes)} arrays, bit for bit"


def _check_close(
    path: pathlib.Path,
    trained: Trained,
    runs: Mapping[str, Callable[[dict[str, Array]], dict[str, Array]]],
    by: str,
) -> str:
    """Compares what another program computes from a file with the session, for each signature."""
    worst, pack = 0.0, trained.origin.config.pack
    # Also tried with the fewest rows possible, because any number of rows must work.
    for signature, rows in itertools.product(runs, (TRIALS, pack)):
        lines = rows // pack if signature == "discriminate" else rows
        inputs = trial_inputs(trained, signature)
        expected = trained.run(signature, **inputs)
        moved = trained.run(signature, **{**inputs, **_moved_by_a_bit(inputs)})
        found = runs[signature]({name: array[:rows] for name, array in inputs.items()})
        for name, array in expected.items():
            got = found[name]
            if got.shape != (lines, *array.shape[1:]) or got.dtype != array.dtype:
                raise _differs(path, name)
            allowed = max(ONNX_TOLERANCE, ONNX_LAST_BITS * _distance(moved[name], array))
            if array.dtype == np.uint8:
                allowed = 1.0  # one grey level, if one rounds up and the other one down
            off = _distance(got, array[:lines])
            # Not `off > allowed`, which a NaN would pass.
            if not off <= allowed:
                raise OutputError(
                    f"{path.name}: {by} computes other values than this program ({name} differs by "
                    f"{off:.1e}, allowed: {allowed:.1e}); nothing was kept; export as saved_model "
                    "or npz"
                )
            worst = max(worst, off)
    return f"the same results within {worst:.1e} ({TRIALS} tried, by {by})"


def _moved_by_a_bit(inputs: dict[str, Array]) -> dict[str, Array]:
    """Returns the float32 inputs with every value moved, at random, to the next one up or down."""
    random_stream = seeded(0, MOVED)
    return {
        name: np.nextafter(
            array, random_stream.choice(np.array([-np.inf, np.inf], np.float32), array.shape)
        )
        for name, array in inputs.items()
        if array.dtype == np.float32
    }


def _distance(a: Array, b: Array) -> float:
    return float(np.abs(a.astype(np.float64) - b).max())


def _check_same(
    path: pathlib.Path,
    expected: Mapping[str, npt.NDArray[np.float32]],
    found: Mapping[str, npt.NDArray[np.float32]],
) -> None:
    for name, array in expected.items():
        other = found.get(name)
        if (
            other is None
            or (other.shape, other.dtype) != (array.shape, array.dtype)
            or other.tobytes() != array.tobytes()
        ):
            raise _differs(path, name)


def _differs(path: pathlib.Path, what: str) -> OutputError:
    return OutputError(
        f"the export reads back differently from what was written ({path.parent}: {what}); "
        "nothing was kept; check the disk, then give the same command again"
    )
