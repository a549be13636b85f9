"""Layers in NumPy, written from their definitions, in float64."""

from __future__ import annotations

import numpy as np


def padding(size, out, window, stride):
    """Returns how many zeros "SAME" puts before and after, so that `out` windows fit."""
    total = max((out - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def convolved(x, kernel, stride):
    """Returns the convolution of [B, H, W, C] with [k, k, C, F], window by window, in float64."""
    k = len(kernel)
    H, W = (-(-size // stride) for size in x.shape[1:3])
    pads = [padding(x.shape[1], H, k, stride), padding(x.shape[2], W, k, stride)]
    x = np.pad(np.float64(x), [(0, 0), *pads, (0, 0)])
    out = np.empty((len(x), H, W, kernel.shape[3]))
    for i in range(H):
        for j in range(W):
            window = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
            out[:, i, j] = np.tensordot(window, np.float64(kernel), axes=3)
    return out


def spread(x, kernel, stride):
    """Returns the transposed convolution of [B, H, W, C] with [k, k, F, C]: each pixel spreads."""
    k, F = len(kernel), kernel.shape[2]
    B, H, W, _ = x.shape
    full = np.zeros((B, (H - 1) * stride + k, (W - 1) * stride + k, F))
    for i in range(H):
        for j in range(W):
            spot = np.einsum("bc,klfc->bklf", np.float64(x[:, i, j]), np.float64(kernel))
            full[:, i * stride : i * stride + k, j * stride : j * stride + k] += spot
    top, _ = padding(H * stride, H, k, stride)
    left, _ = padding(W * stride, W, k, stride)
    return full[:, top : top + H * stride, left : left + W * stride]


def normed(x, gamma, beta, mean, variance):
    """Returns batch normalisation with given statistics; epsilon is 1e-3."""
    return gamma * (x - mean) / np.sqrt(np.float64(variance) + 1e-3) + beta


def leaky(x, slope):
    """Returns `x` where it is positive, `slope * x` elsewhere."""
    return np.where(x > 0, x, slope * x)


def sigmoid(x):
    """Returns `1 / (1 + exp(-x))`."""
    return 1 / (1 + np.exp(-np.float64(x)))
