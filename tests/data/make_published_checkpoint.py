"""Makes `published_tf115.ckpt.*` and `published_tf115.npz`; run by Python 3.7 with TensorFlow 1.15.

Unnamed variables in the order of the published program, two Adams, three training steps: what a
`Saver` added to that program leaves. The npz holds what the two networks compute from these weights
by TensorFlow 1.15: `images` of `Z`, and `logits` of these images.

    python make_published_checkpoint.py FOLDER
"""

import sys

import numpy as np
import tensorflow as tf

X_DIM, Z_DIM, H_DIM = 784, 3, 2


def layer(rows, cols):
    weight = tf.Variable(tf.random_normal([rows, cols], stddev=(rows / 2.0) ** -0.5, seed=rows))
    bias = tf.Variable(tf.random_normal([cols], stddev=0.1, seed=cols))
    return weight, bias


def network(x, layers):
    (W1, b1), (W2, b2) = layers
    return tf.matmul(tf.nn.relu(tf.matmul(x, W1) + b1), W2) + b2


def loss(logits, target):
    labels = tf.fill(tf.shape(logits), target)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=labels))


def main(folder):
    discriminator = [layer(X_DIM, H_DIM), layer(H_DIM, 1)]
    generator = [layer(Z_DIM, H_DIM), layer(H_DIM, X_DIM)]
    X = tf.placeholder(tf.float32, [None, X_DIM])
    Z = tf.placeholder(tf.float32, [None, Z_DIM])
    images = tf.nn.sigmoid(network(Z, generator))
    real, fake = network(X, discriminator), network(images, discriminator)
    steps = [
        tf.train.AdamOptimizer().minimize(objective, var_list=[v for pair in layers for v in pair])
        for objective, layers in (
            (loss(real, 1.0) + loss(fake, 0.0), discriminator),
            (loss(fake, 1.0), generator),
        )
    ]
    stream = np.random.RandomState(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            feeds = {X: stream.rand(5, X_DIM), Z: stream.uniform(-1, 1, [5, Z_DIM])}
            for step in steps:
                session.run(step, feeds)
        saver = tf.train.Saver()
        prefix = folder + "/published_tf115.ckpt"
        saver.save(session, prefix, write_meta_graph=False, write_state=False)
        noise = stream.uniform(-1, 1, [3, Z_DIM]).astype(np.float32)
        drawn, logits = session.run([images, fake], {Z: noise})
    np.savez(folder + "/published_tf115.npz", Z=noise, images=drawn, logits=logits)


if __name__ == "__main__":
    main(sys.argv[1])
