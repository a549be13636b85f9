"""The vanilla GAN of 2016 as a TensorFlow 1 graph; importing this has no effect."""

__version__ = "0.1.0"
