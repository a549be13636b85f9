"""The published program on one page, under TensorFlow 2 and without this package.

    python docs/examples/listing.py --iters 20001 --seed 0 --data_dir data/mnist --out listing

It draws, trains and prints as `./run.sh --engine feed` does, from the same seed: the losses are the
same to the bit. The folder holds MNIST's two training files, plain or as .gz.

Source: wiseodd/generative-models, `GAN/vanilla_gan/gan_tensorflow.py`, and the post of 2016-09-17.
"""

import argparse
import gzip
import os
import pathlib
import zlib

# One thread adds up in one order. Only with this does a session have the threads it asks for.
os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
# The program multiplies with oneDNN on every processor that has AVX2.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import matplotlib.pyplot as plt
import numpy as np
import tensorflow.compat.v1 as tf

mb_size, Z_dim, X_dim, h_dim = 128, 100, 784, 128


def weight_var(shape, name):
    """Xavier, uniform. Its seed comes from its name, so that no other variable changes it."""
    seed = zlib.crc32(f"/{name}".encode()) & 0x7FFFFFFF
    return tf.get_variable(name, shape, initializer=tf.glorot_uniform_initializer(seed=seed))


def bias_var(shape, name):
    """Zero."""
    return tf.get_variable(name, shape, initializer=tf.zeros_initializer())


def plot(samples):
    """A 4x4 grid of images."""
    figure, axes = plt.subplots(4, 4, figsize=(4, 4), gridspec_kw={"wspace": 0.05, "hspace": 0.05})
    for axis, sample in zip(axes.flat, samples, strict=True):
        axis.axis("off")
        axis.imshow(sample.reshape(28, 28), cmap="Greys_r")
    return figure


def read(folder, name):
    """The numbers in one of MNIST's files, after a header with 4 bytes for each side."""
    path = pathlib.Path(folder, name)
    content = (
        path.read_bytes()
        if path.exists()
        else gzip.decompress(path.with_name(f"{name}.gz").read_bytes())
    )
    array = np.frombuffer(content, np.uint8)
    return array[4 + 4 * array[3] :]


def batches(images):
    """Batches without end. No image is dropped: a batch may reach into the next epoch."""

    def shuffled(order):
        permutation = np.arange(len(order))
        np.random.shuffle(permutation)
        return order[permutation]

    order, start = shuffled(np.arange(len(images))), 0
    while True:
        rows = order[start : start + mb_size]
        start += mb_size
        if start > len(images):
            order, start = shuffled(order), mb_size - len(rows)
            rows = np.concatenate([rows, order[:start]])
        # As the published reader scales them: by 1/255 in float32.
        yield images[rows] * np.float32(1.0 / 255.0)


def sample_Z(m, n):
    """Noise."""
    return np.random.uniform(-1.0, 1.0, size=[m, n])


def train(images, iters, seed, out, sample_every=1000):
    """Trains, and yields the iteration with both losses; a picture every `sample_every`."""
    np.random.seed(seed)
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        X = tf.placeholder(tf.float32, [None, X_dim])
        Z = tf.placeholder(tf.float32, [None, Z_dim])

        G_W1, G_b1 = weight_var([Z_dim, h_dim], "G_W1"), bias_var([h_dim], "G_b1")
        G_W2, G_b2 = weight_var([h_dim, X_dim], "G_W2"), bias_var([X_dim], "G_b2")
        theta_G = [G_W1, G_W2, G_b1, G_b2]
        D_W1, D_b1 = weight_var([X_dim, h_dim], "D_W1"), bias_var([h_dim], "D_b1")
        D_W2, D_b2 = weight_var([h_dim, 1], "D_W2"), bias_var([1], "D_b2")
        theta_D = [D_W1, D_W2, D_b1, D_b2]

        def generator(z):
            G_h1 = tf.nn.relu(tf.matmul(z, G_W1) + G_b1)
            return tf.nn.sigmoid(tf.matmul(G_h1, G_W2) + G_b2)

        def discriminator(x):
            D_h1 = tf.nn.relu(tf.matmul(x, D_W1) + D_b1)
            return tf.matmul(D_h1, D_W2) + D_b2

        def cross_entropy(logits, labels):
            of_each = tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=labels)
            return tf.reduce_mean(of_each)

        G_sample = generator(Z)
        D_logit_real, D_logit_fake = discriminator(X), discriminator(G_sample)
        D_loss_real = cross_entropy(D_logit_real, tf.ones_like(D_logit_real))
        D_loss_fake = cross_entropy(D_logit_fake, tf.zeros_like(D_logit_fake))
        D_loss = D_loss_real + D_loss_fake
        G_loss = cross_entropy(D_logit_fake, tf.ones_like(D_logit_fake))

        D_solver = tf.train.AdamOptimizer().minimize(D_loss, var_list=theta_D)
        G_solver = tf.train.AdamOptimizer().minimize(G_loss, var_list=theta_G)

        settings = tf.ConfigProto(intra_op_parallelism_threads=1)
        with tf.Session(config=settings) as sess:
            sess.run(tf.global_variables_initializer())
            next_batch = batches(images)
            for it in range(iters):
                if it % sample_every == 0:
                    samples = sess.run(G_sample, {Z: sample_Z(16, Z_dim)})
                    figure = plot(samples)
                    figure.savefig(f"{out}/{it // sample_every:03}.png", bbox_inches="tight")
                    plt.close(figure)
                X_mb = next(next_batch)
                _, D_loss_curr = sess.run(
                    [D_solver, D_loss], {X: X_mb, Z: sample_Z(mb_size, Z_dim)}
                )
                _, G_loss_curr = sess.run([G_solver, G_loss], {Z: sample_Z(mb_size, Z_dim)})
                yield it, D_loss_curr, G_loss_curr


def main():
    """Reads the flags, trains, and prints the published lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iters", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data_dir", default="data/mnist")
    parser.add_argument("--out", default="listing")
    flags = parser.parse_args()
    os.makedirs(flags.out, exist_ok=True)
    # The first 5,000 images are for validation, as the published reader splits them.
    images = read(flags.data_dir, "train-images-idx3-ubyte").reshape(-1, X_dim)[5000:]
    for it, D_loss_curr, G_loss_curr in train(images, flags.iters, flags.seed, flags.out):
        if it % 1000 == 0:
            print(f"Iter: {it}\nD loss: {D_loss_curr:.4}\nG_loss: {G_loss_curr:.4}\n")


if __name__ == "__main__":
    main()
