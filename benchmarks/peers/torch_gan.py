"""The same GAN in PyTorch, as its users write it, with no gradient computed that nobody needs.

On a GPU the images lie there, and `--cuda_graph` records an iteration once and replays it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

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
    pixels = torch.from_numpy(images.astype(np.float32)).to(torch.get_default_device()) / 255.0
    while True:
        for rows in torch.randperm(len(pixels)).split(batch):
            if len(rows) == batch:
                noise = torch.empty(2, batch, task.Z_DIM).uniform_(-1.0, 1.0)
                yield pixels[rows], noise[0], noise[1]


def published_draws(images: np.ndarray, batch: int) -> Iterator[Draw]:
    """Yields what the published program draws, to compare losses with it."""
    for arrays in task.PublishedDraws(images).iterations(batch):
        X_mb, Z_D, Z_G = (
            torch.from_numpy(array).float().to(torch.get_default_device()) for array in arrays
        )
        yield X_mb, Z_D, Z_G


def recorded(iteration: Callable[..., torch.Tensor], batch: int) -> Callable[..., torch.Tensor]:
    """Returns `iteration` as a CUDA graph, recorded at the first call.

    The first iterations run without it, on a stream of their own, as PyTorch's manual asks for:
    they allocate what the graph reuses.
    """
    inputs = (torch.empty(batch, task.X_DIM), *torch.empty(2, batch, task.Z_DIM))
    graph, calls, losses = torch.cuda.CUDAGraph(), itertools.count(), torch.empty(2)

    def replay(*draw: torch.Tensor) -> torch.Tensor:
        nonlocal losses
        number = next(calls)
        if number < 3:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                losses = iteration(*draw)
            torch.cuda.current_stream().wait_stream(stream)
            return losses
        if number == 3:
            with torch.cuda.graph(graph):
                losses = iteration(*inputs)
        for static, new in zip(inputs, draw, strict=True):
            static.copy_(new)
        graph.replay()
        return losses

    return replay


def main() -> None:
    """Measures."""
    flags = task.parser(__doc__)
    flags.add_argument("--cuda_graph", action="store_true")
    options = flags.parse_args()
    torch.set_default_device("cuda" if options.device == "gpu" else "cpu")
    draw = published_draws if options.check else draws
    drawn = draw(task.read_images(options.data_dir), options.batch)

    D = network("D", task.X_DIM, options.hidden, 1)
    G = network("G", task.Z_DIM, options.hidden, task.X_DIM).append(nn.Sigmoid())
    adam = {"lr": task.LEARNING_RATE, "fused": True, "capturable": options.cuda_graph}
    D_adam = torch.optim.Adam(D.parameters(), **adam)
    G_adam = torch.optim.Adam(G.parameters(), **adam)
    real, fake = torch.ones(options.batch, 1), torch.zeros(options.batch, 1)

    def iteration(X_mb: torch.Tensor, Z_D: torch.Tensor, Z_G: torch.Tensor) -> torch.Tensor:
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
        return torch.stack([D_loss.detach(), G_loss.detach()])

    step = recorded(iteration, options.batch) if options.cuda_graph else iteration

    def train(n: int) -> np.ndarray:
        # Read at the end: on a GPU, each read would wait for all work that is still queued.
        losses = torch.empty(n, 2)
        for k, draw in enumerate(itertools.islice(drawn, n)):
            losses[k] = step(*draw)
        return losses.cpu().numpy()

    task.measure(options, train, {"PyTorch": torch.__version__})


if __name__ == "__main__":
    main()
