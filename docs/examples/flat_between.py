"""A penalty: D is kept flat between images and samples, where WGAN-GP wants a slope of 1.

    ./run.sh --plugin docs/examples/flat_between.py --penalty flat_between:10

Source: Thanh-Tung et al. 2019 (https://arxiv.org/abs/1902.03984), equation 10.
"""

from vanilla_gan import register_penalty
from vanilla_gan.graph.draws import uniform
from vanilla_gan.graph.tf1 import tf


def flat_between(passes):
    """Returns logits, and the images whose gradient is looked at: between a real one and a sample.

    Half the mean squared norm of the gradient is added to D_loss, times the weight.
    """
    # One number for each image; those of `uniform` are the same on every device.
    share = uniform(tf.shape(passes.X)[:1], passes.seed_for("flat"))
    images = passes.G_sample + share[:, tf.newaxis] * (passes.X - passes.G_sample)
    return passes.look(images, "flat"), images


register_penalty("flat_between", flat_between, draws=True)
