"""Distances between many points, in blocks: how far away the neighbours of each are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.threads import usable_cores

T = TypeVar("T")
Floats = npt.NDArray[np.float64]

# Points that are compared with all others at once: 250 x 10,000 distances are 20 MB.
BLOCK = 250


class Nearest(NamedTuple):
    """The nearest point to each query.

    Attributes:
      row: intp [m], its row.
      distance: float64 [m], how far away it is.
    """

    row: npt.NDArray[np.intp]
    distance: Floats


def squared_distances(
    first: npt.NDArray[Any], second: npt.NDArray[Any], dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    """Returns the squared Euclidean distances of all pairs, `dtype` [m, n], at least 0.

    They come from one matrix product, `|a|^2 + |b|^2 - 2ab`. For two points that are nearly equal
    only the rounding error may remain: in float64, about 1e-16 of their squared lengths.

    Args:
      first, second: [m, d] and [n, d], any real numbers.
      dtype: the type to compute them in, float64 or float32.
    """
    a, b = np.asarray(first, dtype), np.asarray(second, dtype)
    products: npt.NDArray[Any] = a @ b.T
    products *= -2.0
    products += np.einsum("ij,ij->i", a, a)[:, None]
    products += np.einsum("ij,ij->i", b, b)
    np.maximum(products, 0.0, out=products)
    return products


def blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Yields slices of at most `size` rows that cover `n` rows in order."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def over_blocks(n: int, function: Callable[[slice], T], size: int = BLOCK) -> Iterator[T]:
    """Yields what `function` returns for each of `blocks`, in order, with one thread per core.

    The threads run in parallel while NumPy works on large arrays.
    """
    with ThreadPoolExecutor(usable_cores()) as threads:
        yield from threads.map(function, blocks(n, size))


def radii(points: Floats, ks: Sequence[int], block: int = BLOCK) -> Floats:
    """Returns each point's distance to its k-th nearest other point, float64 [len(ks), n].

    A point is not its own neighbour; another point at the same place is one, at distance 0.

    Args:
      points: [n, d].
      ks: which neighbours, each in 1..n-1.
      block: rows that are compared at once.

    Raises:
      ValueError: there are no such neighbours.
    """
    if not all(1 <= k < len(points) for k in ks):
        raise ValueError(f"neighbours {list(ks)} of {len(points)} points: expected 1..n-1")
    found = np.empty((len(ks), len(points)))
    places = [k - 1 for k in ks]

    def find(rows: slice) -> None:
        distances = squared_distances(points[rows], points)
        own = np.arange(rows.start, rows.stop)
        distances[own - rows.start, own] = np.inf
        distances.partition(places, axis=1)
        found[:, rows] = np.sqrt(distances[:, places].T)

    for _ in over_blocks(len(points), find, block):
        pass
    return found


def nearest(queries: Floats, points: npt.NDArray[Any], block: int = BLOCK) -> Nearest:
    """Returns the nearest point to each query, the first of several equally near ones.

    Distances are computed from the differences themselves, so that of a copy is exactly 0.

    Args:
      queries: [m, d], few enough to be compared with `block` points at once.
      points: [n, d], any real numbers; converted block by block.
      block: points that are compared at once.

    Raises:
      ValueError: there are no points.
    """
    if not len(points):
        raise ValueError("the nearest of no points")
    index = np.zeros(len(queries), np.intp)
    least = np.full(len(queries), np.inf)

    def find(rows: slice) -> tuple[npt.NDArray[np.intp], Floats]:
        distances = squared_distances(queries, points[rows])
        place = distances.argmin(axis=1)
        return place + rows.start, distances[np.arange(len(queries)), place]

    for place, there in over_blocks(len(points), find, block):
        nearer = there < least
        index[nearer] = place[nearer]
        least[nearer] = there[nearer]
    difference = queries - points[index].astype(np.float64)
    return Nearest(index, np.asarray(np.linalg.norm(difference, axis=1)))
