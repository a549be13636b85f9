"""Walks through the latent space: from one noise vector to the next in even steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def walk(Z: npt.NDArray[np.float32], steps: int, *, spherical: bool) -> npt.NDArray[np.float32]:
    """Returns `steps` points from each row of `Z` to the next, both ends included.

    Args:
      Z: float32 [n, Z_dim], n at least 2.
      steps: points from one row to the next, at least 2.
      spherical: whether to follow the great circle and change the length evenly, which suits a
        normal prior, whose vectors all have nearly the same length; otherwise along the line.

    Returns:
      float32 [n - 1, steps, Z_dim].

    Raises:
      ValueError: fewer than two points, or fewer than two steps.

    Source: for the spherical form, K. Shoemake, Animating rotation with quaternion curves, 1985;
    T. White, Sampling generative networks, 2016 (https://arxiv.org/abs/1609.04468).
    """
    if len(Z) < 2 or steps < 2:
        raise ValueError(f"a walk needs 2 points and 2 steps, got {len(Z)} and {steps}")
    t = np.linspace(0.0, 1.0, steps).astype(np.float64)[None, :, None]
    points = Z.astype(np.float64)
    start, end = points[:-1, None], points[1:, None]
    path = _spherical(start, end, t) if spherical else start + t * (end - start)
    return path.astype(np.float32)


def _spherical(
    start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], t: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    lengths = [np.linalg.norm(point, axis=-1, keepdims=True) for point in (start, end)]
    # The origin has no direction; any will do, because the path from it is straight.
    unit = [
        point / np.where(length == 0, 1.0, length)
        for point, length in zip((start, end), lengths, strict=True)
    ]
    cosine = np.clip((unit[0] * unit[1]).sum(axis=-1, keepdims=True), -1.0, 1.0)
    angle = np.arccos(cosine)
    # Points on one ray, opposite points, and the origin do not define a single great circle.
    straight = (np.sin(angle) < 1e-6) | (lengths[0] * lengths[1] == 0)
    sine = np.where(straight, 1.0, np.sin(angle))
    direction = (np.sin((1.0 - t) * angle) * unit[0] + np.sin(t * angle) * unit[1]) / sine
    arc = direction * (lengths[0] + t * (lengths[1] - lengths[0]))
    return np.where(straight, start + t * (end - start), arc)
