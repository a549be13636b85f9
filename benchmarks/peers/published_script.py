"""The whole published program on TensorFlow 1.15: training, printed losses, matplotlib's pictures.

Written anew after its behaviour, with the graph of `tf_feed`.
"""

from __future__ import annotations

import argparse
import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.gridspec as gridspec
import matplotlib.pyplot as plt
import numpy as np
import task
import tensorflow.compat.v1 as tf
import tf_feed

BATCH = HIDDEN = 128


def plot(samples: np.ndarray) -> plt.Figure:
    """Returns a figure of 4x4 samples, float32 [16, 784], close together and without axes."""
    figure = plt.figure(figsize=(4, 4))
    grid = gridspec.GridSpec(4, 4, wspace=0.05, hspace=0.05)
    for cell, sample in enumerate(samples):
        axes = plt.subplot(grid[cell])
        axes.axis("off")
        axes.set_xticklabels([])
        axes.set_yticklabels([])
        axes.set_aspect("equal")
        axes.imshow(sample.reshape(28, 28), cmap="Greys_r")
    return figure


def main() -> None:
    """Trains."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--iters", type=int, required=True)
    flags.add_argument("--data_dir", required=True, help="holds mnist/train-images-idx3-ubyte[.gz]")
    flags.add_argument("--out", required=True, help="folder of the pictures")
    options = flags.parse_args()
    draws = task.PublishedDraws(task.read_images(options.data_dir))
    tf.disable_v2_behavior()
    gan = tf_feed.Gan(task.first_weights(HIDDEN))
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    os.makedirs(options.out, exist_ok=True)

    for it in range(options.iters):
        if it % task.SAMPLE_EVERY == 0:
            Z = draws.sample_Z(task.PICTURE_SAMPLES)
            figure = plot(sess.run(gan.G_sample, feed_dict={gan.Z: Z}))
            path = os.path.join(options.out, f"{it // task.SAMPLE_EVERY:03}.png")
            plt.savefig(path, bbox_inches="tight")
            plt.close(figure)

        feeds = {gan.X: draws.next_batch(BATCH), gan.Z: draws.sample_Z(BATCH)}
        _, D_loss_curr = sess.run([gan.D_solver, gan.D_loss], feed_dict=feeds)
        feeds = {gan.Z: draws.sample_Z(BATCH)}
        _, G_loss_curr = sess.run([gan.G_solver, gan.G_loss], feed_dict=feeds)

        if it % task.SAMPLE_EVERY == 0:
            print(f"Iter: {it}\nD loss: {D_loss_curr:.4}\nG_loss: {G_loss_curr:.4}\n")


if __name__ == "__main__":
    main()
