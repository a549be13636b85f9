"""A loss: how much more real an image is than the samples are on average, and the other way round.

    ./run.sh --plugin docs/examples/relativistic_average.py --loss relativistic_average

Source: Jolicoeur-Martineau 2018 (https://arxiv.org/abs/1807.00734), section 3.4.
"""

from vanilla_gan import register_loss
from vanilla_gan.graph.tf1 import tf


def relativistic_average(D_logit_real, D_logit_fake, real_label):
    """Returns D_loss and G_loss, scalars, for logits [B, 1] of images and samples."""
    real = D_logit_real - tf.reduce_mean(D_logit_fake)
    fake = D_logit_fake - tf.reduce_mean(D_logit_real)
    D_loss = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))
    G_loss = tf.reduce_mean(tf.nn.softplus(real)) + tf.reduce_mean(tf.nn.softplus(-fake))
    return D_loss, G_loss


register_loss("relativistic_average", relativistic_average)
