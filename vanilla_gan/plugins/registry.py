"""`register_loss`, `register_penalty`, `register_system`: add rows to the tables of this program.

What a file registers while `loading` runs it is recorded as that file's, so that a run can record
where its loss, its penalties and its system come from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from vanilla_gan.declare import Registered, choices_changed, nearest
from vanilla_gan.errors import PluginError, UsageError, VanillaGanError
from vanilla_gan.graph.losses import LABELLED, LOSSES, Objective
from vanilla_gan.graph.penalties import DRAWING, PENALTIES, half_square, weights_of
from vanilla_gan.graph.system import Alternating, System
from vanilla_gan.say import shown
from vanilla_gan.systems import SYSTEMS

_NAME = re.compile(r"[A-Za-z]\w{0,39}", re.ASCII)
_TABLES: dict[str, dict[str, Any]] = {"loss": LOSSES, "penalty": PENALTIES, "system": SYSTEMS}
_PUBLISHED = {kind: frozenset(table) for kind, table in _TABLES.items()}
_EVERY = [frozenset(system.defaults) for system in SYSTEMS.values()]
# The settings that every system must have, and all that a system may have.
_NEEDED = frozenset.intersection(*_EVERY)
_KNOWN = frozenset.union(*_EVERY)


class Plugin(NamedTuple):
    """A file that registers something.

    Attributes:
      path: the absolute path of the file.
      sha256: the SHA-256 of its content, 64 hex digits.
    """

    path: str
    sha256: str


# By kind and name: the file that registered it; None if it was not registered by a file.
_owners: dict[tuple[str, str], Plugin | None] = {}
_running: Plugin | None = None
_is_given = True


def register_loss(
    name: str, loss: Callable[[Any, Any, float], Any], *, labelled: bool = False
) -> Registered:
    """Adds a loss, which `--loss NAME` chooses.

    Args:
      name: letters, digits and underscores, a letter first; not a name of this program's own.
      loss: `(D_logit_real, D_logit_fake, real_label) -> (D_loss, G_loss)`, logits float32 [B, 1],
        losses float32 scalars; it may also return an `Objective`. `real_label` is 1 minus
        `--label_smoothing`.
      labelled: whether it uses `real_label`; otherwise `--label_smoothing` does not apply to it.

    Returns:
      The name, as `RunConfig.loss` takes it.

    Raises:
      UsageError: the name cannot be used.
    """
    function = _told("loss", name, loss)

    def objective(D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0) -> Objective:
        found = function(D_logit_real, D_logit_fake, real_label)
        fits = isinstance(found, tuple) and 2 <= len(found) <= len(Objective._fields)
        goal = Objective(*found) if fits else Objective(None, None)
        scalars = [*goal[:2], *goal.D_watched.values(), *goal.G_watched.values()]
        if not all(map(_is_scalar, scalars)):
            raise PluginError(
                f"the loss {name} does not return a pair of scalars, D_loss and G_loss, or an "
                "Objective of scalars, all float32; take tf.reduce_mean over the batch"
            )
        return goal

    _register("loss", name, objective)
    if labelled:
        LABELLED.append(name)
    return Registered(name)


def register_penalty(
    name: str,
    part: Callable[[Any], tuple[Any, Any]],
    distance: Callable[[Any], Any] = half_square,
    *,
    draws: bool = False,
) -> None:
    """Adds a penalty on D's gradients, which `--penalty NAME:WEIGHT` adds to what D minimises.

    Args:
      name: see `register_loss`.
      part: `(passes) -> (logits, images)`: the gradient of these logits with respect to these
        images is penalised; see `graph.passes.Passes`.
      distance: `(gradients [B, X_dim]) -> scalar`, how far they are from what they should be; by
        default half the mean squared norm.
      draws: whether `part` calls `passes.seed_for`.

    Raises:
      UsageError: the name cannot be used.
    """
    look, measure = _told("penalty", name, part), _told("penalty", name, distance)

    def pair(passes: Any) -> tuple[Any, Any]:
        found = look(passes)
        is_pair = isinstance(found, (tuple, list)) and len(found) == 2
        if not is_pair or not all(hasattr(each, "shape") for each in found):
            raise PluginError(
                f"the penalty {name} does not return a pair of tensors, logits and images"
            )
        logits, images = found
        return logits, images

    def scalar(gradients: Any) -> Any:
        found = measure(gradients)
        if getattr(getattr(found, "shape", None), "rank", None) != 0:
            raise PluginError(
                f"the distance of the penalty {name} is not a scalar; take tf.reduce_mean over the "
                "batch"
            )
        return found

    _register("penalty", name, (pair, scalar))
    if draws:
        DRAWING.add(name)


def register_system(name: str, system: System) -> Registered:
    """Adds a system, which `--system NAME` chooses.

    Args:
      name: see `register_loss`.
      system: see `graph.system.System`; `dataclasses.replace(SYSTEMS["vanilla"], ...)` makes one
        from an existing one.

    Returns:
      The name, as `RunConfig.system` takes it.

    Raises:
      UsageError: the name cannot be used, or the system's defaults or its update are not valid.
    """
    if not isinstance(system, System):
        raise UsageError(f"the system {shown(name)} is not a vanilla_gan.graph.system.System")
    unknown, missing = sorted(system.defaults.keys() - _KNOWN), _NEEDED - system.defaults.keys()
    if unknown:
        raise UsageError(
            f"the system {shown(name)} has a default for {shown(str(unknown[0]))}, which is not a "
            f"setting of any system{nearest(str(unknown[0]), _KNOWN)}"
        )
    if not {"iters", "epochs"} & system.defaults.keys():
        missing |= {"iters"}
    if system.conditional:
        missing |= {"sample_class"} - system.defaults.keys()
    elif "sample_class" in system.defaults:
        raise UsageError(
            f"the system {shown(name)} has a default for sample_class, but is not conditional; "
            "leave it out"
        )
    if missing:
        raise UsageError(
            f"the system {shown(name)} lacks defaults for {', '.join(sorted(missing))}, which "
            f"every {'conditional ' if system.conditional else ''}system needs"
        )
    if system.theta_Q and not isinstance(system.update, Alternating):
        raise UsageError(
            f"the system {shown(name)} has variables in theta_Q, which only the alternating update "
            "trains; give it update=Alternating()"
        )
    own = {
        field.name: _told("system", name, value)
        for field in dataclasses.fields(system)
        if callable(value := getattr(system, field.name)) and not isinstance(value, type)
    }
    _register("system", name, _with_shapes_checked(name, dataclasses.replace(system, **own)))
    return Registered(name)


def _with_shapes_checked(name: str, system: System) -> System:
    """Returns a system whose networks raise a PluginError if they return a wrong shape."""

    @functools.wraps(system.generator)
    def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
        images = system.generator(z, config, y, training)
        size = config.image_shape.size
        if _shape(images)[1:] != [size]:
            raise PluginError(
                f"the generator of the system {name} returns {_shape(images)}, expected images "
                f"[None, {size}]"
            )
        return images

    @functools.wraps(system.discriminator)
    def discriminator(x: Any, config: Any, y: Any, training: Any) -> Any:
        found = system.discriminator(x, config, y, training)
        pair = found if isinstance(found, tuple) else ()
        if [_shape(each)[1:] for each in pair] != [[1], [1]]:
            raise PluginError(
                f"the discriminator of the system {name} does not return probabilities and logits, "
                "each [None, 1]"
            )
        return found

    return dataclasses.replace(system, generator=generator, discriminator=discriminator)


def _shape(tensor: Any) -> list[int | None]:
    """Returns the shape of a tensor; an empty list for anything else."""
    rank = getattr(getattr(tensor, "shape", None), "rank", None)
    return [] if rank is None else list(tensor.shape.as_list())


def _is_scalar(tensor: Any) -> bool:
    rank = getattr(getattr(tensor, "shape", None), "rank", None)
    return rank == 0 and getattr(tensor, "dtype", None) == "float32"


def _register(kind: str, name: str, row: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{kind} {shown(repr(name))}: expected a name of at most 40 letters, digits and "
            "underscores that begins with a letter"
        )
    if name in _PUBLISHED[kind]:
        raise UsageError(
            f"{kind} {name}: this program already has one of that name; choose another name"
        )
    other = _owners.get((kind, name))
    # A notebook cell that is run again, or a changed file, replaces what it registered before.
    if other is not None and (_running is None or other.path != _running.path):
        raise UsageError(f"{kind} {name}: {other.path} registers it already; choose another name")
    if other is None and (kind, name) in _owners and not _is_given:
        raise UsageError(
            f"{kind} {name}: this process has registered one of its own; load the plug-in with "
            "load_plugin to replace it"
        )
    forget(kind, name)
    _owners[kind, name] = _running
    _TABLES[kind][name] = row
    choices_changed()


def forget(kind: str, name: str) -> None:
    """Takes a loss, penalty or system out of the tables, if it was registered."""
    if (kind, name) in _owners:
        del _owners[kind, name]
        del _TABLES[kind][name]
        if kind == "loss" and name in LABELLED:
            LABELLED.remove(name)
        if kind == "penalty":
            DRAWING.discard(name)
        choices_changed()


def names_of(plugin: Plugin) -> list[tuple[str, str]]:
    """Returns the kind and name of all that a file registered and nothing has replaced since."""
    # Iterates over a copy, because another thread may register something meanwhile.
    return [key for key, owner in list(_owners.items()) if owner == plugin]


def plugins_of(config: Any) -> list[Plugin]:
    """Returns the files that a run's loss, penalties and system come from, without repetition."""
    names = [("system", config.system), ("loss", config.loss)]
    names += [("penalty", name) for name in weights_of(config.penalty)]
    owners = [_owners[key] for key in names if key in _owners]
    return list(dict.fromkeys(owner for owner in owners if owner is not None))


@contextlib.contextmanager
def running(plugin: Plugin, is_given: bool = True) -> Iterator[None]:
    """Records what the block registers as that file's, and removes it again if the block fails.

    Only a file that the user gives now may replace what was registered without a file.
    """
    global _running, _is_given
    outer, _running = _running, plugin
    was_given, _is_given = _is_given, is_given
    try:
        yield
    except BaseException:
        for kind, name in names_of(plugin):
            forget(kind, name)
        raise
    finally:
        _running, _is_given = outer, was_given


def line_in(plugin: Plugin, error: BaseException) -> str:
    """Returns `FILE, line N`, the last line of a file in an error's traceback, or only `FILE`."""
    if isinstance(error, SyntaxError) and error.filename == plugin.path:
        return f"{plugin.path}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == plugin.path]
    return f"{plugin.path}, line {lines[-1]}" if lines else plugin.path


def what_it_says(error: BaseException) -> str:
    """Returns the class and the message of an error, in one line that is not long."""
    said = " ".join(str(error).split())
    return shown(f"{type(error).__name__}: {said}" if said else type(error).__name__, 300)


def _told(kind: str, name: str, function: Any) -> Any:
    """Returns a plug-in's function, whose errors now say in one line where they come from.

    In a notebook, errors keep their traceback; functions of this package are returned unchanged.
    """
    plugin = _running
    if plugin is None or str(getattr(function, "__module__", "")).startswith("vanilla_gan."):
        return function

    @functools.wraps(function)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except VanillaGanError:
            raise
        except Exception as error:
            raise PluginError(
                f"{line_in(plugin, error)}: the {kind} {name} fails: {what_it_says(error)}"
            ) from error

    return told
