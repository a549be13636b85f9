"""The same GAN in Keras: two `Sequential` models, one compiled step on batches of `tf.data`."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import task
import tensorflow as tf
from keras import layers

Draw = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def network(name: str, inputs: int, hidden: int, outputs: int, last: str | None) -> keras.Model:
    """Returns a network that starts from the common weights."""
    first, second = layers.Dense(hidden, "relu"), layers.Dense(outputs, last)
    model = keras.Sequential([keras.Input((inputs,)), first, second])
    weights = task.first_weights(hidden)
    for number, layer in enumerate((first, second), 1):
        layer.set_weights([weights[f"{name}_W{number}"], weights[f"{name}_b{number}"]])
    return model


def draws(images: np.ndarray, batch: int) -> Iterator[Draw]:
    """Yields images and noise for each iteration, all drawn by TensorFlow."""
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).repeat().batch(batch)
    data = data.map(lambda pixels: tf.cast(pixels, tf.float32) / 255.0)
    for X_mb in data.prefetch(tf.data.AUTOTUNE):
        Z_D, Z_G = tf.unstack(tf.random.uniform([2, batch, task.Z_DIM], -1.0, 1.0))
        yield X_mb, Z_D, Z_G


def published_draws(images: np.ndarray, batch: int) -> Iterator[Draw]:
    """Yields what the published program draws, to compare losses with it."""
    for arrays in task.PublishedDraws(images).iterations(batch):
        X_mb, Z_D, Z_G = (tf.constant(array, tf.float32) for array in arrays)
        yield X_mb, Z_D, Z_G


def main() -> None:
    """Measures."""
    options = task.parser(__doc__).parse_args()
    if options.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise SystemExit("TensorFlow sees no GPU")
    drawn = (published_draws if options.check else draws)(
        task.read_images(options.data_dir), options.batch
    )
    D = network("D", task.X_DIM, options.hidden, 1, None)
    G = network("G", task.Z_DIM, options.hidden, task.X_DIM, "sigmoid")
    D_adam, G_adam = (keras.optimizers.Adam(task.LEARNING_RATE, epsilon=1e-8) for _ in range(2))
    D_adam.build(D.trainable_variables)
    G_adam.build(G.trainable_variables)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function(jit_compile=True)
    def step(X_mb: tf.Tensor, Z_D: tf.Tensor, Z_G: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            real, fake = D(X_mb), D(G(Z_D))
            D_loss = cross_entropy(tf.ones_like(real), real)
            D_loss += cross_entropy(tf.zeros_like(fake), fake)
        gradients = tape.gradient(D_loss, D.trainable_variables)
        D_adam.apply_gradients(zip(gradients, D.trainable_variables, strict=True))
        with tf.GradientTape() as tape:
            fake = D(G(Z_G))
            G_loss = cross_entropy(tf.ones_like(fake), fake)
        gradients = tape.gradient(G_loss, G.trainable_variables)
        G_adam.apply_gradients(zip(gradients, G.trainable_variables, strict=True))
        return tf.stack([D_loss, G_loss])

    def train(n: int) -> np.ndarray:
        return np.stack([step(*next(drawn)) for _ in range(n)])

    task.measure(options, train, {"TensorFlow": tf.__version__, "Keras": keras.__version__})


if __name__ == "__main__":
    main()
