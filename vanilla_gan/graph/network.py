"""One application of a network: the names of its operations, and where its variables come from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vanilla_gan.graph.tf1 import tf

Weights = Mapping[str, Any]
# Creates or reuses another variable, by its full name and the settings in which it differs.
Make = Callable[..., Any]
# From a variable or its stand-in, its full name and a `Make`: what a network gets in its place.
Through = Callable[[Any, str, Make], Any]


def read(variables: Sequence[Any]) -> Weights:
    """Returns the values of variables at this point of the graph, by full name, for `network`.

    Networks that share a read also share what is computed from it: with `--precision bfloat16` each
    weight is rounded once for all of them. Gradients reach the variables through the read.
    """
    return {variable.op.name: variable.read_value() for variable in variables}


@contextlib.contextmanager
def network(
    name: str, *, reuse: bool, weights: Weights | None = None, through: Through | None = None
) -> Iterator[None]:
    """Enters the scopes of one application of a network.

    The published variables are called `D_W1`, not `discriminator/D_W1`. So the name scope names the
    operations, while the variable scope is the surrounding one and only says whether variables are
    created or reused.

    Args:
      name: of the application.
      reuse: whether the variables exist already.
      weights: values by full name, which `tf.get_variable` returns in place of the variables.
      through: maps what it would return to what it returns; None to change nothing.
    """
    given = weights or {}

    def weight(getter: Any, name: str, *args: Any, **settings: Any) -> Any:
        def make(name: str, **others: Any) -> Any:
            return given[name] if name in given else getter(name, *args, **settings | others)

        found = make(name)
        return found if through is None else through(found, name, make)

    scope = tf.variable_scope(
        tf.get_variable_scope(), reuse=reuse, auxiliary_name_scope=False, custom_getter=weight
    )
    with scope, tf.name_scope(name):
        yield
