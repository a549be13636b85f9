"""The ten large matrix products of an iteration and nothing else, by numpy's OpenBLAS in float32.

What is left out of an iteration's arithmetic, the layer on the noise included, is 4% of it.
`OPENBLAS_NUM_THREADS` says how many threads; `OPENBLAS_CORETYPE` should not be set.
"""

from __future__ import annotations

import numpy as np
import task


def main() -> None:
    """Measures."""
    options = task.parser(__doc__).parse_args()
    if options.check:
        raise SystemExit("these products train nothing that could be checked")
    random = np.random.RandomState(task.SEED)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.uniform(-1.0, 1.0, (rows, columns)).astype(np.float32)

    B, X, H = options.batch, task.X_DIM, options.hidden
    X_mb, G_sample, D_W1, G_W2 = matrix(B, X), matrix(B, X), matrix(X, H), matrix(H, X)
    D_h1, G_h1 = matrix(B, H), matrix(B, H)
    products = [
        # The discriminator's step: the fake images, its first layer on both halves of the batch,
        # and that layer's gradient from each half.
        (G_h1, G_W2),
        (X_mb, D_W1),
        (G_sample, D_W1),
        (X_mb.T, D_h1),
        (G_sample.T, D_h1),
        # The generator's step: new images, the discriminator on them, and the way back.
        (G_h1, G_W2),
        (G_sample, D_W1),
        (D_h1, D_W1.T),
        (G_h1.T, G_sample),
        (G_sample, G_W2.T),
    ]
    outputs = [np.empty((a.shape[0], b.shape[1]), np.float32) for a, b in products]
    steps = [(*factors, output) for factors, output in zip(products, outputs, strict=True)]

    def train(n: int) -> np.ndarray:
        for _ in range(n):
            for a, b, output in steps:
                np.matmul(a, b, out=output)
        return np.empty((0, 2))

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    task.measure(options, train, {blas["name"]: blas["version"]})


if __name__ == "__main__":
    main()
