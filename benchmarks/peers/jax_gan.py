"""The same GAN in JAX: a chunk of iterations is one jitted `lax.scan`, data and noise inside it."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import task
from jax.nn import relu, sigmoid, softplus

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

Network = dict[str, jax.Array]


class Adam(NamedTuple):
    """A network with the moments of its gradients."""

    weights: Network
    m: Network
    v: Network

    def step(self, gradients: Network, t: jax.Array) -> Adam:
        """Returns the network after its update number `t`, from 1 on."""
        rate = task.LEARNING_RATE * jnp.sqrt(1.0 - BETA2**t) / (1.0 - BETA1**t)
        m = jax.tree.map(lambda m, g: BETA1 * m + (1.0 - BETA1) * g, self.m, gradients)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1.0 - BETA2) * g * g, self.v, gradients)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), self.weights, m, v
        )
        return Adam(weights, m, v)


class State(NamedTuple):
    """What an iteration changes: both networks and the number of the iteration."""

    D: Adam
    G: Adam
    it: jax.Array


def first_state(hidden: int) -> State:
    """Returns the state that all peers start from."""
    networks = []
    for name in "DG":
        prefix = f"{name}_"
        weights = {
            key.removeprefix(prefix): jnp.asarray(value)
            for key, value in task.first_weights(hidden).items()
            if key.startswith(prefix)
        }
        zeros = jax.tree.map(jnp.zeros_like, weights)
        networks.append(Adam(weights, zeros, jax.tree.map(jnp.zeros_like, weights)))
    return State(*networks, jnp.zeros(()))


def discriminator(D: Network, x: jax.Array) -> jax.Array:
    """Returns logits, [B, 1]."""
    return relu(x @ D["W1"] + D["b1"]) @ D["W2"] + D["b2"]


def generator(G: Network, z: jax.Array) -> jax.Array:
    """Returns images, [B, 784] in [0, 1]."""
    return sigmoid(relu(z @ G["W1"] + G["b1"]) @ G["W2"] + G["b2"])


def D_loss(D: Network, G: Network, X: jax.Array, Z: jax.Array) -> jax.Array:
    """Returns the cross entropy of both halves; -log sigmoid(x) is softplus(-x)."""
    real, fake = discriminator(D, X), discriminator(D, generator(G, Z))
    return softplus(-real).mean() + softplus(fake).mean()


def G_loss(G: Network, D: Network, Z: jax.Array) -> jax.Array:
    """Returns the generator's cross entropy."""
    return softplus(-discriminator(D, generator(G, Z))).mean()


def iteration(state: State, draw: tuple[jax.Array, ...]) -> tuple[State, jax.Array]:
    """Updates both networks on `(X_mb, Z_D, Z_G)`; returns the losses too."""
    X_mb, Z_D, Z_G = draw
    t = state.it + 1.0
    D_loss_curr, gradients = jax.value_and_grad(D_loss)(state.D.weights, state.G.weights, X_mb, Z_D)
    D = state.D.step(gradients, t)
    G_loss_curr, gradients = jax.value_and_grad(G_loss)(state.G.weights, D.weights, Z_G)
    G = state.G.step(gradients, t)
    return State(D, G, t), jnp.stack([D_loss_curr, G_loss_curr])


def main() -> None:
    """Measures."""
    options = task.parser(__doc__).parse_args()
    batch = options.batch
    images = task.read_images(options.data_dir)

    def drawn_iteration(state: State, key: jax.Array, pixels: jax.Array) -> Any:
        key_rows, key_noise = jax.random.split(key)
        rows = jax.random.randint(key_rows, (batch,), 0, len(pixels))
        noise = jax.random.uniform(key_noise, (2, batch, task.Z_DIM), minval=-1.0, maxval=1.0)
        return iteration(state, (pixels[rows], noise[0], noise[1]))

    @jax.jit
    def chunk(state: State, keys: jax.Array, pixels: jax.Array) -> tuple[State, jax.Array]:
        return jax.lax.scan(lambda state, key: drawn_iteration(state, key, pixels), state, keys)

    state = first_state(options.hidden)
    key = jax.random.key(task.SEED)
    pixels = jnp.asarray(images.astype(np.float32) * np.float32(1.0 / 255.0))

    def train(n: int) -> np.ndarray:
        nonlocal state, key
        keys = jax.random.split(key, n + 1)
        key = keys[n]
        state, losses = chunk(state, keys[:n], pixels)
        return np.asarray(jax.block_until_ready(losses))

    def train_on_published_draws(n: int) -> np.ndarray:
        draws = itertools.islice(task.PublishedDraws(images).iterations(batch), n)
        stacked = tuple(np.stack(arrays).astype(np.float32) for arrays in zip(*draws, strict=True))
        return np.asarray(jax.lax.scan(iteration, state, stacked)[1])

    task.measure(
        options, train_on_published_draws if options.check else train, {"JAX": jax.__version__}
    )


if __name__ == "__main__":
    main()
