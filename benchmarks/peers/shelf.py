"""The shelf's GANs on TensorFlow 1.15.5, written anew after their listings, recorded as traces.

    benchmarks/.envs/tf1/bin/python benchmarks/peers/shelf.py [SYSTEM ...] [--out tests/data]

Writes `trace_SYSTEM_offline.npz`: for T = 0, 100 and 1000 all variables before iteration T, what
the five iterations from there on were fed, their losses, and the variables behind iteration T.
Networks have 16 hidden units, images 7x7 pixels: every fourth of the offline data's, times 1/255.
One thread. The order of the draws is that of each listing, but that a picture is drawn before the
update of its iteration; of which there are the sixteen noise vectors alone, because nobody looks.
"""

from __future__ import annotations

import argparse
import os
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

X_DIM, HIDDEN, BATCH, CLASSES = 49, 16, 8, 10
STATES, STEPS, SAMPLE_EVERY, SEED = (0, 100, 1000), 5, 100, 0


class Draws:
    """Draws batches and noise from one generator, as the listings do from NumPy's global one."""

    def __init__(self) -> None:
        self.images = (
            np.random.RandomState(20160917).randint(0, 256, size=(1000, 28, 28, 1)).astype(np.uint8)
        )[:, ::4, ::4, 0].reshape(1000, X_DIM)
        self.random = np.random.RandomState(SEED)
        self.order = np.arange(1000)
        self.at = len(self.order)

    def rows(self) -> np.ndarray:
        """Returns the next batch as rows of the images: `next_batch` of TensorFlow 1.15."""
        begin, end = self.at, self.at + BATCH
        if end <= len(self.order):
            self.at = end
            return self.order[begin:end]
        rest = self.order[begin:]
        self.order = self.order.copy()
        self.random.shuffle(self.order)
        self.at = BATCH - len(rest)
        return np.concatenate([rest, self.order[: self.at]])

    def uniform(self, count: int, size: int) -> np.ndarray:
        """Returns noise in [-1, 1)."""
        return self.random.uniform(-1.0, 1.0, size=[count, size]).astype(np.float32)

    def classes(self) -> np.ndarray:
        """Returns a class for each image of a batch: `sample_c` of the listing."""
        return self.random.multinomial(1, CLASSES * [0.1], size=BATCH).argmax(axis=1)

    def pixels(self, rows: np.ndarray) -> np.ndarray:
        """Returns images, float32 in [0, 1]."""
        return np.multiply(self.images[rows].astype(np.float32), np.float32(1.0 / 255.0))


def weights(*layers: tuple[str, int, int]) -> dict[str, tf.Variable]:
    """Makes `P_W1` and `P_b1` of each layer, which is given as `P_*1`, rows and columns."""
    made = {}
    for name, rows, columns in layers:
        for kind, shape in (("W", [rows, columns]), ("b", [columns])):
            made[name.replace("*", kind)] = tf.get_variable(name.replace("*", kind), shape)
    return made


def dense(x: tf.Tensor, w: dict[str, tf.Variable], layer: str) -> tf.Tensor:
    """Returns x W + b."""
    return tf.matmul(x, w[layer.replace("*", "W")]) + w[layer.replace("*", "b")]


def seed_between(further: int | None, it: int) -> list[int]:
    """Returns the seed of the port's random shares between images and samples.

    The listing's shares come from the state of an operation, which nothing else can continue.
    """
    name = "/between/drawn" + ("" if further is None else f"_{further}")
    return [(zlib.crc32(name.encode()) & 0x7FFFFFFF) << 32 | SEED, it]


class Listing(NamedTuple):
    """What one listing builds, and in which order it draws.

    `feeds` are its placeholders; `solvers` are the updates of an iteration with their losses, D's
    first. D takes `D_steps` steps; if `shared`, the others get the noise of the last. If `unused`,
    a batch and noise are drawn for nothing. `labels` says if classes are drawn or are the batch's.
    """

    feeds: dict[str, tf.Tensor]
    solvers: list[tuple[tf.Operation, dict[str, tf.Tensor]]]
    D_steps: int = 1
    shared: bool = False
    unused: bool = False
    labels: str = ""


def wasserstein(penalty: bool) -> Listing:
    """WGAN, with clipped weights or with the penalty."""
    X = tf.placeholder(tf.float32, [None, X_DIM])
    Z = tf.placeholder(tf.float32, [None, 10])
    seed = tf.placeholder(tf.int64, [2])
    share = tf.random.stateless_uniform([BATCH], seed)[:, tf.newaxis]
    d = weights(("D_*1", X_DIM, HIDDEN), ("D_*2", HIDDEN, 1))
    g = weights(("G_*1", 10, HIDDEN), ("G_*2", HIDDEN, X_DIM))

    def critic(x: tf.Tensor) -> tf.Tensor:
        return dense(tf.nn.relu(dense(x, d, "D_*1")), d, "D_*2")

    sample = tf.nn.sigmoid(dense(tf.nn.relu(dense(Z, g, "G_*1")), g, "G_*2"))
    real, fake = tf.reduce_mean(critic(X)), tf.reduce_mean(critic(sample))
    if penalty:
        between = share * X + (1.0 - share) * sample
        slope = tf.gradients(critic(between), [between])[0]
        norm = tf.sqrt(tf.reduce_sum(slope**2, axis=1))
        D_loss = fake - real + 10 * tf.reduce_mean((norm - 1.0) ** 2)
        D_solver = tf.train.AdamOptimizer(1e-4, beta1=0.5, name="D_solver")
        G_solver = tf.train.AdamOptimizer(1e-4, beta1=0.5, name="G_solver")
    else:
        D_loss = fake - real
        D_solver = tf.train.RMSPropOptimizer(1e-4, name="D_solver")
        G_solver = tf.train.RMSPropOptimizer(1e-4, name="G_solver")
    D_step = D_solver.minimize(D_loss, var_list=list(d.values()))
    if not penalty:
        # The listing runs the two at once; here the clipping waits for the step.
        with tf.control_dependencies([D_step]):
            values = [(v, tf.clip_by_value(v.read_value(), -0.01, 0.01)) for v in d.values()]
            D_step = tf.group(*(v.assign(value) for v, value in values))
    G_step = G_solver.minimize(-fake, var_list=list(g.values()))
    feeds = {"X": X, "Z": Z, "seed": seed}
    return Listing(feeds, [(D_step, {"D_loss": D_loss}), (G_step, {"G_loss": -fake})], D_steps=5)


def lsgan() -> Listing:
    """The least squares GAN."""
    X = tf.placeholder(tf.float32, [None, X_DIM])
    Z = tf.placeholder(tf.float32, [None, 10])
    d = weights(("D_*1", X_DIM, HIDDEN), ("D_*2", HIDDEN, 1))
    g = weights(("G_*1", 10, HIDDEN), ("G_*2", HIDDEN, X_DIM))
    sample = tf.nn.sigmoid(dense(tf.nn.relu(dense(Z, g, "G_*1")), g, "G_*2"))
    real, fake = (dense(tf.nn.relu(dense(x, d, "D_*1")), d, "D_*2") for x in (X, sample))
    D_loss = 0.5 * (tf.reduce_mean((real - 1) ** 2) + tf.reduce_mean(fake**2))
    G_loss = 0.5 * tf.reduce_mean((fake - 1) ** 2)
    D_step = tf.train.AdamOptimizer(1e-3, name="D_solver").minimize(D_loss, None, list(d.values()))
    G_step = tf.train.AdamOptimizer(1e-3, name="G_solver").minimize(G_loss, None, list(g.values()))
    solvers = [(D_step, {"D_loss": D_loss}), (G_step, {"G_loss": G_loss})]
    return Listing({"X": X, "Z": Z}, solvers, D_steps=3, unused=True)


def infogan() -> Listing:
    """InfoGAN: three networks, three solvers."""
    X = tf.placeholder(tf.float32, [None, X_DIM])
    Z = tf.placeholder(tf.float32, [None, 10])
    c = tf.placeholder(tf.float32, [None, CLASSES])
    d = weights(("D_*1", X_DIM, HIDDEN), ("D_*2", HIDDEN, 1))
    g = weights(("G_*1", 10 + CLASSES, 2 * HIDDEN), ("G_*2", 2 * HIDDEN, X_DIM))
    q = weights(("Q_*1", X_DIM, HIDDEN), ("Q_*2", HIDDEN, CLASSES))
    inputs = tf.concat([Z, c], 1)
    sample = tf.nn.sigmoid(dense(tf.nn.relu(dense(inputs, g, "G_*1")), g, "G_*2"))
    real, fake = (
        tf.nn.sigmoid(dense(tf.nn.relu(dense(x, d, "D_*1")), d, "D_*2")) for x in (X, sample)
    )
    found = tf.nn.softmax(dense(tf.nn.relu(dense(sample, q, "Q_*1")), q, "Q_*2"))
    D_loss = -tf.reduce_mean(tf.log(real + 1e-8) + tf.log(1 - fake + 1e-8))
    G_loss = -tf.reduce_mean(tf.log(fake + 1e-8))
    Q_loss = tf.reduce_mean(-tf.reduce_sum(tf.log(found + 1e-8) * c, 1))
    Q_loss += tf.reduce_mean(-tf.reduce_sum(tf.log(c + 1e-8) * c, 1))
    solvers = []
    for name, loss, theta in (("D", D_loss, [d]), ("G", G_loss, [g]), ("Q", Q_loss, [g, q])):
        solver = tf.train.AdamOptimizer(1e-3, name=f"{name}_solver")
        variables = [v for network in theta for v in network.values()]
        solvers.append((solver.minimize(loss, None, variables), {f"{name}_loss": loss}))
    return Listing({"X": X, "Z": Z, "y": c}, solvers, shared=True, labels="drawn")


def acgan() -> Listing:
    """The auxiliary classifier GAN: two heads of D."""
    X = tf.placeholder(tf.float32, [None, X_DIM])
    Z = tf.placeholder(tf.float32, [None, 10])
    y = tf.placeholder(tf.float32, [None, CLASSES])
    d = weights(("D_*1", X_DIM, HIDDEN), ("D_*2_gan", HIDDEN, 1), ("D_*2_aux", HIDDEN, CLASSES))
    g = weights(("G_*1", 10 + CLASSES, HIDDEN), ("G_*2", HIDDEN, X_DIM))
    inputs = tf.concat([Z, y], 1)
    sample = tf.nn.sigmoid(dense(tf.nn.relu(dense(inputs, g, "G_*1")), g, "G_*2"))
    (real, C_real), (fake, C_fake) = (
        (tf.nn.sigmoid(dense(h, d, "D_*2_gan")), dense(h, d, "D_*2_aux"))
        for h in (tf.nn.relu(dense(x, d, "D_*1")) for x in (X, sample))
    )
    C_loss = sum(
        tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y))
        for logits in (C_real, C_fake)
    )
    D_loss = -tf.reduce_mean(tf.log(real + 1e-8) + tf.log(1.0 - fake + 1e-8)) + C_loss
    G_loss = -tf.reduce_mean(tf.log(fake + 1e-8)) + C_loss
    D_step = tf.train.AdamOptimizer(1e-3, name="D_solver").minimize(D_loss, None, list(d.values()))
    G_step = tf.train.AdamOptimizer(1e-3, name="G_solver").minimize(G_loss, None, list(g.values()))
    solvers = [(D_step, {"D_loss": D_loss}), (G_step, {"G_loss": G_loss})]
    return Listing({"X": X, "Z": Z, "y": y}, solvers, shared=True, labels="batch")


SYSTEMS: dict[str, Callable[[], Listing]] = {
    "wgan": lambda: wasserstein(penalty=False),
    "wgan_gp": lambda: wasserstein(penalty=True),
    "lsgan": lsgan,
    "infogan": infogan,
    "acgan": acgan,
}


def record(system: str, path: str) -> None:
    """Trains one system and writes its file."""
    tf.reset_default_graph()
    listing = SYSTEMS[system]()
    everything = {v.op.name: v for v in tf.global_variables()}
    draws = Draws()
    kept = {}
    one = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Session(config=one) as sess:
        sess.run(tf.global_variables_initializer())
        first = np.random.RandomState(1000 + SEED)
        for v in sorted(tf.trainable_variables(), key=lambda v: v.op.name):
            rows, *columns = v.shape.as_list()
            value = first.normal(0, 1 / np.sqrt(rows / 2.0), [rows, *columns]) if columns else 0.0
            v.load(np.broadcast_to(np.asarray(value, np.float32), v.shape.as_list()), sess)
        for it in range(max(STATES) + STEPS):
            if it % SAMPLE_EVERY == 0:
                draws.uniform(16, 10)
            (T,) = [T for T in STATES if T <= it < T + STEPS] or [None]
            if it == T:
                kept.update({f"at{T}/{n}": x for n, x in sess.run(everything).items()})
            fed = {}
            losses = {}
            for number in range(listing.D_steps):
                rows = draws.rows()
                fed = {"X": draws.pixels(rows), "Z": draws.uniform(BATCH, 10)}
                classes = rows % CLASSES  # the labels of the offline data
                if listing.labels == "drawn":
                    classes = draws.classes()
                fed["y"] = np.eye(CLASSES, dtype=np.float32)[classes]
                last = number == listing.D_steps - 1
                fed["seed"] = seed_between(None if last else number, it)
                losses.update(run(sess, listing, 0, fed))
                keep(kept, T, D_rows=rows, D_Z=fed["Z"])
                if listing.labels == "drawn":
                    keep(kept, T, classes=classes)
            if listing.unused:
                draws.rows(), draws.uniform(BATCH, 10)
            if not listing.shared:
                fed["Z"] = draws.uniform(BATCH, 10)
                keep(kept, T, Z_G=fed["Z"])
            for number in range(1, len(listing.solvers)):
                losses.update(run(sess, listing, number, fed))
            keep(kept, T, **losses)
            if it == T:
                kept.update({f"after{T}/{n}": x for n, x in sess.run(everything).items()})
    np.savez_compressed(path, **{n: np.asarray(x) for n, x in kept.items()})


def run(sess: tf.Session, listing: Listing, number: int, fed: dict) -> dict:
    """Runs one solver; returns its losses by name."""
    solver, losses = listing.solvers[number]
    wanted = {p: fed[name] for name, p in listing.feeds.items()}
    return sess.run([solver, losses], wanted)[1]


def keep(kept: dict, T: int | None, **values: np.ndarray) -> None:
    """Appends what an iteration was fed, or returned, to the lists of its state."""
    if T is not None:
        for name, value in values.items():
            kept.setdefault(f"at{T}/{name}", []).append(value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--out", default="tests/data")
    options = parser.parse_args()
    tf.disable_v2_behavior()
    for name in options.systems:
        record(name, os.path.join(options.out, f"trace_{name}_offline.npz"))
