"""The convolutional GAN as its Keras listing trains it: two tapes over one forward pass.

Two `Sequential` models, two Adams, a step under `tf.function`, batches from `tf.data`. With
`--precision=bfloat16` under Keras' own policy `mixed_bfloat16`.
"""

from __future__ import annotations

import time

import conv_task
import keras
import numpy as np
import task
import tensorflow as tf
from keras import layers


def generator() -> keras.Model:
    """Returns the model from noise [B, 100] to images [B, 28, 28, 1] in [-1, 1]."""
    return keras.Sequential(
        [
            keras.Input((task.Z_DIM,)),
            layers.Dense(7 * 7 * 256, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.3),
            layers.Reshape((7, 7, 256)),
            layers.Conv2DTranspose(128, 5, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.3),
            layers.Conv2DTranspose(64, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.3),
            layers.Conv2DTranspose(
                1, 5, strides=2, padding="same", use_bias=False, activation="tanh", dtype="float32"
            ),
        ]
    )


def discriminator() -> keras.Model:
    """Returns the model from images [B, 28, 28, 1] to logits [B, 1]."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 5, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.3),
            layers.Dropout(0.3),
            layers.Conv2D(128, 5, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.3),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1, dtype="float32"),
        ]
    )


def main() -> None:
    """Measures."""
    options = conv_task.parser(__doc__).parse_args()
    keras.utils.set_random_seed(task.SEED)
    if options.precision == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    images = conv_task.read_images(options.data_dir).astype(np.float32) / 127.5 - 1.0
    batches = tf.data.Dataset.from_tensor_slices(images.reshape(-1, 28, 28, 1))
    batches = iter(batches.shuffle(len(images)).batch(options.batch).repeat())
    G, D = generator(), discriminator()
    G_optimizer, D_optimizer = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def train_step(real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        noise = tf.random.normal([options.batch, task.Z_DIM])
        with tf.GradientTape() as G_tape, tf.GradientTape() as D_tape:
            fake = G(noise, training=True)
            D_logit_real, D_logit_fake = D(real, training=True), D(fake, training=True)
            G_loss = cross_entropy(tf.ones_like(D_logit_fake), D_logit_fake)
            D_loss = cross_entropy(tf.ones_like(D_logit_real), D_logit_real)
            D_loss += cross_entropy(tf.zeros_like(D_logit_fake), D_logit_fake)
        G_gradients = G_tape.gradient(G_loss, G.trainable_variables)
        D_gradients = D_tape.gradient(D_loss, D.trainable_variables)
        G_optimizer.apply_gradients(zip(G_gradients, G.trainable_variables, strict=True))
        D_optimizer.apply_gradients(zip(D_gradients, D.trainable_variables, strict=True))
        return D_loss, G_loss

    def chunk() -> float:
        began_s = time.perf_counter()
        for _ in range(options.steps):
            losses = train_step(next(batches))
        for loss in losses:
            loss.numpy()
        return (time.perf_counter() - began_s) / options.steps * 1e3

    chunk()
    ms = [chunk() for _ in range(options.chunks)]
    task.report({"TensorFlow": tf.__version__, "Keras": keras.__version__}, ms=ms)


if __name__ == "__main__":
    main()
