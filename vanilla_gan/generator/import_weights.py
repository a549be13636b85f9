"""`./run.sh import_weights`: takes the weights from another program's TensorFlow checkpoint.

Variables are identified by name if they have the system's names; by the order in which the
published program creates them if they are called `Variable`, `Variable_1`, ...; or by a map that
the user gives. Every variable of the checkpoint must be a weight of the right shape, or be known
not to be a weight.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from vanilla_gan.data.classes import all_classes
from vanilla_gan.declare import several
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.errors import OutputError, UsageError, WeightsError
from vanilla_gan.generator.export_record import one_line
from vanilla_gan.generator.settings import ImportConfig
from vanilla_gan.graph.inference import inference_shapes
from vanilla_gan.graph.spectral import vector_name
from vanilla_gan.graph.tf1 import load_tensorflow, tf
from vanilla_gan.graph.weights import Weights, read_weights
from vanilla_gan.runfolder.place import Place
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.npz import write_npz
from vanilla_gan.storage.plain_path import plain_path
from vanilla_gan.storage.reading import MAX_JSON, read_file
from vanilla_gan.systems import SYSTEMS

# The systems whose variables the published programs do not name, but always create in one order.
# Source: `gan_tensorflow.py` and `cgan_tensorflow.py` of wiseodd/generative-models.
CREATED = ("vanilla", "conditional")

# What a checkpoint holds besides weights. An optimizer's slot or a moving average has the shape of
# its variable. Its name is the variable's, followed by a name that anybody may choose; the scope in
# which the optimizer was made may precede both.
_SLOT = re.compile(r"(.+)/[^/]+")
_SLOT_OF_KERAS = re.compile(r"(.+)/\.OPTIMIZER_SLOT/.+")
_BOOKKEEPING = re.compile(
    r"(?:.*/)?(?:(?:beta[12]_power|updates)(?:_\d+)?|global_step|iteration)"
    r"|save_counter/.*|_CHECKPOINTABLE_OBJECT_GRAPH|(?:\w*_)?optimizer/.*"
)

Shapes = Mapping[str, tuple[int, ...]]


def import_weights(config: ImportConfig, inform: Callable[[str], None]) -> pathlib.Path:
    """Writes the weights of a checkpoint as an npz file for `--init_weights`, and returns its path.

    The file is read back and compared bit for bit before it is moved to its place. `inform` is
    called with each line for the user.

    Raises:
      UsageError: a setting or the map is wrong.
      WeightsError: the checkpoint cannot be read, or its variables are not those of the system.
      OutputError: the file could not be written.
    """
    place = Place(pathlib.Path(config.out), config.overwrite)
    place.check()
    sizes = {name: getattr(config, name) for name in ("z_dim", "h_dim", "strided_layers")}
    run = RunConfig(system=config.system, **sizes).resolved()
    run = run.of_data(config.shape, all_classes(config.num_classes))
    with without_chatter():
        load_tensorflow()
    expected, statistics = inference_shapes(SYSTEMS[config.system], run)
    prefix = _prefix_in(config.prefix)
    if prefix != config.prefix:
        inform(f"{config.prefix} is a folder; using its checkpoint {prefix}")
    with _opened(prefix) as (reader, found):
        if config.map is not None:
            names, how = _read_map(config.map, expected, statistics), f"by {config.map}"
            # A map may also use names of tensors: D_W1:0 is the value of the variable D_W1.
            names = {
                ours: theirs if theirs in found else theirs.removesuffix(":0")
                for ours, theirs in names.items()
            }
        else:
            names, how = _named(prefix, run, expected, statistics, found)
        everything = {**expected, **statistics}
        left_out = check_variables(
            prefix, names, everything, found, names_are_all=config.map is not None
        )
        weights = {
            name: _value(prefix, reader, names[name]).reshape(shape)
            for name, shape in expected.items()
        }
    with place.whole() as temporary:
        write_npz(temporary, weights)
        _check_written(temporary, weights, expected)
    for name in expected:
        inform(f"{name} {list(expected[name])} <- {names[name]}")
    others = [*(names[name] for name in statistics if name in names), *left_out]
    inform(f"left out because they are not weights: {_counted(others)}")
    inform(f"wrote {place.path}: {len(weights)} arrays, {how}; read back, bit for bit the same")
    return place.path


def check_variables(
    where: str,
    names: Mapping[str, str],
    expected: Shapes,
    found: Shapes,
    names_are_all: bool = False,
) -> list[str]:
    """Checks that each variable of a checkpoint is accounted for, and has the shape it should have.

    Args:
      where: the checkpoint, for messages.
      names: the checkpoint's names by the system's names.
      expected: the shapes by the system's names; those that `names` lacks are not looked for.
      found: the shapes by the checkpoint's names; a bias may have the shape of one row.
      names_are_all: whether the user has named all weights, so that the rest may be left out.

    Returns:
      The names in the checkpoint that are known not to be weights: optimizers' slots and the like.

    Raises:
      WeightsError: some are missing, extra or misshapen; the message lists them all.
    """
    taken = set(names.values())
    missing = [_pair(ours, theirs) for ours, theirs in names.items() if theirs not in found]
    misshapen = [
        f"{_pair(ours, theirs)} has shape {list(found[theirs])}, expected {list(expected[ours])}"
        for ours, theirs in names.items()
        if theirs in found and found[theirs] not in _forms_of(expected[ours])
    ]
    left_out = [name for name in sorted(set(found) - taken) if _is_no_weight(name, taken, found)]
    extra = sorted(set(found) - taken - set(left_out))
    if names_are_all and not missing and not misshapen:
        left_out, extra = sorted([*left_out, *extra]), []
    problems = [
        f"{problem}: {', '.join(which)}"
        for problem, which in (("missing", missing), ("extra", extra), ("misshapen", misshapen))
        if which
    ]
    if problems:
        raise WeightsError(
            f"{where}: {'; '.join(problems)}; give the --system, --z_dim and --h_dim that it was "
            "trained with, or a --map from the system's names to the checkpoint's"
        )
    return left_out


@contextlib.contextmanager
def _opened(prefix: str) -> Iterator[tuple[Any, Shapes]]:
    """Yields the reader of a checkpoint and the shapes of its variables by name."""
    with contextlib.ExitStack() as stack:
        try:
            reader = tf.train.load_checkpoint(stack.enter_context(plain_path(prefix)))
            shapes = reader.get_variable_to_shape_map()
        except (tf.errors.OpError, ValueError, RuntimeError, LookupError, OSError) as error:
            raise _unreadable(prefix, error) from error
        yield reader, {name: tuple(shape) for name, shape in shapes.items()}


def _prefix_in(source: str) -> str:
    """Returns the prefix of the newest checkpoint in a folder, or `source` if it is not a folder.

    The newest is the one named by the folder's `checkpoint` file, which TensorFlow writes, or the
    only one.
    """
    if not os.path.isdir(source):
        return source
    with contextlib.suppress(OSError, ValueError):
        state = read_file(os.path.join(source, "checkpoint"), MAX_JSON).decode()
        named = re.search(r'^model_checkpoint_path: "(.+)"$', state, re.MULTILINE)
        if named is not None:
            # An absolute path may be that of another machine.
            for path in (named[1], os.path.basename(named[1])):
                if os.path.exists(os.path.join(source, f"{path}.index")):
                    return os.path.join(source, path)
    with contextlib.suppress(OSError):
        indices = [path.stem for path in pathlib.Path(source).iterdir() if path.suffix == ".index"]
        if len(indices) == 1:
            return os.path.join(source, indices[0])
    return source


def _unreadable(prefix: str, error: Exception) -> WeightsError:
    """Returns the error for a checkpoint that cannot be opened."""
    folder = os.path.dirname(prefix) or "."
    if os.path.isdir(prefix):
        return WeightsError(
            f"{prefix}: it is a folder; expected a prefix in it, such as "
            f"{os.path.join(prefix, 'model.ckpt-1000')}"
        )
    if not any(os.path.exists(prefix + ending) for ending in ("", ".index")):
        return WeightsError(
            f"{prefix}: no checkpoint has this prefix ({prefix}.index is missing); expected "
            f"what tf.train.Saver.save returned, such as {os.path.join(folder, 'model.ckpt-1')}"
        )
    return WeightsError(
        f"{prefix}: it cannot be read as a TensorFlow checkpoint ({one_line(error)}); copy "
        "all of its files again"
    )


def _named(
    prefix: str, run: RunConfig, expected: Shapes, statistics: Shapes, found: Shapes
) -> tuple[dict[str, str], str]:
    """Returns the checkpoint's names by the system's names, and how they were found."""
    numbered = sorted(
        (name for name in found if re.fullmatch(r"Variable(_[1-9]\d*)?", name)),
        key=lambda name: int(name.partition("_")[2] or 0),
    )
    # A numbered one beside all of the names is another program's counter.
    if not numbered or expected.keys() <= found.keys():
        # Statistics may be missing.
        names = [*expected, *(name for name in statistics if name in found)]
        return {name: name for name in names}, "by name"
    if run.system not in CREATED:
        raise UsageError(
            f"{prefix}: its variables have only numbered names ({numbered[0]}, ...), and "
            f"system {run.system} has no published order for them; give a --map from the system's "
            "names to the checkpoint's"
        )
    # By number, not by rank: a gap in the numbers is a missing variable.
    layers = range(1, len(several(run.h_dim or 0)) + 2)
    created = [f"{player}_{kind}{layer}" for player in "DG" for layer in layers for kind in "Wb"]
    names_by_place = [f"Variable_{place}" if place else "Variable" for place in range(len(created))]
    by_order = dict(zip(created, names_by_place, strict=True))
    return by_order, "by the order in which the published program creates them"


def _read_map(path: str, expected: Shapes, statistics: Shapes) -> dict[str, str]:
    try:
        found = json.loads(read_file(path, MAX_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"--map={path} cannot be read as JSON: {one_line(error)}") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise UsageError(
            f"--map={path}: expected an object from each of the system's names to the "
            'checkpoint\'s, such as {"D_W1": "disc/w1", ...}'
        )
    missing = sorted(expected.keys() - found.keys())
    unknown = sorted(found.keys() - expected.keys() - statistics.keys())
    twice = sorted({name for name in found.values() if list(found.values()).count(name) > 1})
    problems = [
        f"{problem}: {', '.join(which)}"
        for problem, which in (("missing", missing), ("unknown", unknown), ("named twice", twice))
        if which
    ]
    if problems:
        raise UsageError(
            f"--map={path}: {'; '.join(problems)}; expected each of {', '.join(expected)}"
        )
    return found


def _forms_of(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Returns the shapes that a variable may have: a bias may also be one row."""
    return [shape, (1, *shape)] if len(shape) == 1 else [shape]


def _is_no_weight(name: str, weights: set[str], found: Shapes) -> bool:
    for pattern in (_SLOT, _SLOT_OF_KERAS):
        slot = pattern.fullmatch(name)
        if slot is None:
            continue
        of = {slot[1], f"{slot[1]}/.ATTRIBUTES/VARIABLE_VALUE"} & weights
        of |= {weight for weight in weights if slot[1].endswith(f"/{weight}")}
        if any(weight in found and found[weight] == found[name] for weight in of):
            return True
    if name in map(vector_name, weights):
        return True
    return _BOOKKEEPING.fullmatch(name) is not None and found[name] == ()


def _value(prefix: str, reader: Any, name: str) -> Any:
    try:
        array = np.asarray(reader.get_tensor(name))
    except (tf.errors.OpError, RuntimeError, ValueError, LookupError) as error:
        raise WeightsError(
            f"{prefix}: {name} cannot be read ({one_line(error)}); copy all of its files again"
        ) from error
    if array.dtype.kind not in "fiu":
        raise WeightsError(f"{prefix}: {name} holds {array.dtype}, expected float32 numbers")
    with np.errstate(over="ignore"):
        weights = array.astype(np.float32)
    if not np.isfinite(weights).all():
        raise WeightsError(f"{prefix}: {name} has values that are not finite float32 numbers")
    return weights


def _check_written(path: pathlib.Path, weights: Weights, shapes: Shapes) -> None:
    for name, array in read_weights(path, shapes).items():
        if array.tobytes() != weights[name].tobytes():
            raise OutputError(
                f"{name} reads back differently from what was written to {path.parent}; nothing "
                "was kept; check the disk, then give the same command again"
            )


def _counted(names: list[str]) -> str:
    """Returns the last parts of the names with their counts: `Adam (8), beta1_power (1)`."""
    kinds = collections.Counter(
        name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE").rpartition("/")[2] for name in names
    )
    return ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items())) or "nothing"


def _pair(ours: str, theirs: str) -> str:
    return ours if ours == theirs else f"{ours} ({theirs})"
