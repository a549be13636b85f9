"""The same GAN in PyTorch, as its users write it, with no gradient computed that nobody needs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import task
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

Draw = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def network(name: str, inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Returns a network that starts from the common weights."""
    first, second = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
    weights = task.first_weights(hidden)
    with torch.no_grad():
        for number, layer in enumerate((first, second), 1):
            layer.weight.copy_(torch.from_numpy(weights[f"{name}_W{number}"].T))
            layer.bias.zero_()
    return nn.Sequential(first, nn.ReLU(), second)


def draws(images: np.ndarray, batch: int) -> Iterator[Draw]:
    """Yields images and noise for each iteration, all by PyTorch, all float32."""
    pixels = torch.from_numpy(images.astype(np.float32)) / 255.0
    while True:
        for rows in torch.randperm(len(pixels)).split(batch):
            if len(rows) == batch:
                noise = torch.empty(2, batch, task.Z_DIM).uniform_(-1.0, 1.0)
                yield pixels[rows], noise[0], noise[1]


def published_draws(images: np.ndarray, batch: int) -> Iterator[Draw]:
    """Yields what the published program draws, to compare losses with it."""
    for X_mb, Z_D, Z_G in task.PublishedDraws(images).iterations(batch):
        yield torch.from_numpy(X_mb), torch.from_numpy(Z_D).float(), torch.from_numpy(Z_G).float()


def main() -> None:
    """Measures."""
    options = task.parser(__doc__).parse_args()
    draw = published_draws if options.check else draws
    drawn = draw(task.read_images(options.data_dir), options.batch)

    D = network("D", task.X_DIM, options.hidden, 1)
    G = network("G", task.Z_DIM, options.hidden, task.X_DIM).append(nn.Sigmoid())
    D_adam = torch.optim.Adam(D.parameters(), lr=task.LEARNING_RATE, fused=True)
    G_adam = torch.optim.Adam(G.parameters(), lr=task.LEARNING_RATE, fused=True)
    real, fake = torch.ones(options.batch, 1), torch.zeros(options.batch, 1)

    def train(n: int) -> np.ndarray:
        losses = np.empty((n, 2), np.float32)
        for k, (X_mb, Z_D, Z_G) in enumerate(itertools.islice(drawn, n)):
            with torch.no_grad():
                G_sample = G(Z_D)
            D_loss = binary_cross_entropy_with_logits(D(X_mb), real)
            D_loss = D_loss + binary_cross_entropy_with_logits(D(G_sample), fake)
            D_adam.zero_grad(set_to_none=True)
            D_loss.backward()
            D_adam.step()

            D.requires_grad_(False)
            G_loss = binary_cross_entropy_with_logits(D(G(Z_G)), real)
            G_adam.zero_grad(set_to_none=True)
            G_loss.backward()
            G_adam.step()
            D.requires_grad_(True)

            losses[k] = D_loss.item(), G_loss.item()
        return losses

    task.measure(options, train, {"PyTorch": torch.__version__})


if __name__ == "__main__":
    main()
