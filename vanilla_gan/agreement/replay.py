"""Puts a recorded state into the training graph, runs its iterations, returns what came out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from vanilla_gan.agreement.traces import SAMPLES, STEPS, Floats, Recording, Trace
from vanilla_gan.data.dataset import DataSet
from vanilla_gan.data.streams import seeded
from vanilla_gan.engines.engine import engine_of
from vanilla_gan.engines.model import Model, open_model
from vanilla_gan.engines.session import Device
from vanilla_gan.engines.stream import StepsDraw, stream_of
from vanilla_gan.errors import DataError
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import Weights, assign_weights, variables_by_name
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

# Adam's two decay rates as published; a state includes its powers of them.
BETA1, BETA2 = 0.9, 0.999


class Replayed(NamedTuple):
    """What came out of a replay; the fields mean the same as those of `Trace`."""

    d_loss: Floats
    g_loss: Floats
    d_logit_real: Floats
    d_logit_fake: Floats
    samples: Floats
    after: Weights


def replay_config(recording: Recording, trace: Trace, **settings: Any) -> RunConfig:
    """Returns the settings of a recorded run: those of its system, with the sizes of a trace."""
    system = SYSTEMS[recording.system]
    _, batch_size, z_dim = trace.Z_D.shape
    return RunConfig(
        system=recording.system,
        loss=recording.loss,
        batch_size=batch_size,
        z_dim=z_dim,
        h_dim=trace.weights[system.theta_D[0]].shape[-1],
        seed=recording.seed,
        sample_every=recording.sample_every,
        **settings,
    ).resolved()


class Replayer:
    """A graph with an open session in which the traces of one recording are replayed."""

    def __init__(self, model: Model, config: RunConfig, train: DataSet) -> None:
        self.learning_rate = float(config.learning_rate or 0)
        self._model = model
        self._train = train
        self._shared_noise = SYSTEMS[config.system].update.shared_noise
        self._engine = engine_of(model, train)
        model.initialise()

    def replay(self, trace: Trace) -> Replayed:
        """Trains iteration T from the recorded state, and then the next four in one block.

        Raises:
          DataError: the state does not fit this graph, or names rows that the data do not have.
        """
        self._set(trace)
        at_T = self._before_the_update(trace)
        first = self._engine.train(self._steps(trace, 0, 1))
        gan = self._model.gan
        after = variables_by_name(self._model.session, [*gan.theta_D, *gan.theta_G])
        rest = self._engine.train(self._steps(trace, 1, STEPS))
        return Replayed(
            np.concatenate([first.D_loss, rest.D_loss]),
            np.concatenate([first.G_loss, rest.G_loss]),
            *at_T,
            after,
        )

    def _set(self, trace: Trace) -> None:
        gan = self._model.gan
        shapes = {name: value.shape for name, value in trace.weights.items()}
        if shapes != self._model.weight_shapes:
            wrong = sorted(
                name for name, shape in shapes.items() if shape != self._model.weight_shapes[name]
            )
            raise DataError(
                f"the trace at iteration {trace.iteration} has weights of other shapes than its "
                f"program: {', '.join(wrong)}; copy the trace's file again"
            )
        if trace.rows.max() >= self._train.num_examples:
            raise DataError(
                f"the trace at iteration {trace.iteration} uses image {trace.rows.max()}, but the "
                f"data have only {self._train.num_examples} images; copy the trace's file again"
            )
        values: Weights = {}
        variables = []
        for optimizer, theta in ((gan.D_optimizer, gan.theta_D), (gan.G_optimizer, gan.theta_G)):
            for variable in theta:
                name = variable.op.name
                for holder, value in (
                    (variable, trace.weights[name]),
                    (optimizer.get_slot(variable, "m"), trace.m[name]),
                    (optimizer.get_slot(variable, "v"), trace.v[name]),
                ):
                    variables.append(holder)
                    values[holder.op.name] = value
            for power in optimizer.variables():
                for prefix, beta in (("beta1_power", BETA1), ("beta2_power", BETA2)):
                    if power.op.name.startswith(prefix):
                        variables.append(power)
                        values[power.op.name] = beta_power(beta, trace.iteration)
        assign_weights(self._model.session, variables, values)

    def _before_the_update(self, trace: Trace) -> tuple[Floats, Floats, Floats]:
        gan = self._model.gan
        X_mb, y_mb = self._train.examples(trace.rows[0])
        y = {} if gan.y is None else {gan.y: y_mb}
        feeds = {gan.X: X_mb, gan.Z: trace.Z_D[0], **y}
        fetches = [gan.D_logit_real, gan.D_logit_fake, gan.G_sample]
        real, fake, samples = self._model.session.run(fetches, feed_dict=feeds)
        return real[:, 0], fake[:, 0], samples[:SAMPLES]

    def _steps(self, trace: Trace, begin: int, end: int) -> StepsDraw:
        Z_D = trace.Z_D[begin:end]
        # As in the stream of a run: one array if the system shares its noise.
        Z_G = Z_D if self._shared_noise else trace.Z_G[begin:end]
        return StepsDraw(trace.iteration + begin, trace.rows[begin:end], Z_D, Z_G, {})


def beta_power(beta: float, iteration: int) -> Floats:
    """Returns what Adam's variable holds before an iteration, float32 scalar: `beta^(iteration+1)`.

    Multiplied in float32 step by step, as Adam does: for 0.999 the true power differs by 3e-8,
    which is 1.5e-5 of the `1 - beta^2` that the second step divides by.
    """
    factors = np.full(iteration + 1, beta, np.float32)
    return np.multiply.accumulate(factors, dtype=np.float32)[-1:].reshape(())


@contextlib.contextmanager
def open_replayer(config: RunConfig, device: Device, train: DataSet) -> Iterator[Replayer]:
    """Opens what a run with these settings trains with; the session is closed after the block."""
    with open_model(config, device, train.images.shape) as model:
        yield Replayer(model, config, train)


@contextlib.contextmanager
def exact_products(device: Device) -> Iterator[None]:
    """Keeps a GPU from rounding factors to TensorFloat-32 within the block."""
    switches = tf.config.experimental
    before = switches.tensor_float_32_execution_enabled()
    if not device.name.startswith("/CPU"):
        switches.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        switches.enable_tensor_float_32_execution(before)


def drawn(config: RunConfig, images: int, iterations: list[int]) -> dict[int, list[Any]]:
    """Returns what a run with these settings draws for T..T+4, for each T of `iterations`.

    Returns:
      By T: rows, intp [5, B]; noise of both steps, float32 [5, B, z_dim] each.
    """
    random_stream = seeded(config.seed)
    train = DataSet(np.zeros((images, 1), np.uint8), np.zeros(images, np.uint8), random_stream)
    stream = stream_of(config, train, random_stream)
    found: dict[int, list[tuple[Any, Floats, Floats]]] = {it: [] for it in iterations}
    every = config.resolved_int("sample_every")
    last = max(iterations) + STEPS
    for steps in stream.draws(
        0, last, sample_every=every, checkpoint_every=0, longest=lambda: every
    ):
        if isinstance(steps, StepsDraw):
            for k in range(len(steps.rows)):
                for it in iterations:
                    if it <= steps.first + k < it + STEPS:
                        found[it].append((steps.rows[k], steps.Z_D[k], steps.Z_G[k]))
    return {
        it: [np.stack(parts) for parts in zip(*each, strict=True)] for it, each in found.items()
    }
