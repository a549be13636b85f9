"""The observer of `--tensorboard`: losses, pictures and histograms as event files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from vanilla_gan.data.streams import LOGITS, seeded
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.worker import Worker
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.observers.event_files import EventFile
from vanilla_gan.runfolder.names import TENSORBOARD
from vanilla_gan.runfolder.pictures import picture_path
from vanilla_gan.storage.files import writing
from vanilla_gan.systems import SYSTEMS

# Images whose logits make a histogram: enough for its shape, few enough that a picture costs more.
N_LOGITS = 256
# The value of `tf.summary.Summary.Image.colorspace`, which is the number of channels.
_RGBA = 4


class TensorBoard:
    """Writes event files into OUT/tensorboard; an `Observer`.

    For each row of `losses.csv`, the scalars `losses/D_loss` and `losses/G_loss`; for each row of
    `health.csv`, its signs, `health/logit_gap` and so on. For each picture, at its iteration,
    before the update: the picture itself, a histogram of each trained variable, and histograms of
    the discriminator's logits. `logits/D_logit_real` is on the first 256 training images,
    `logits/D_logit_fake` on 256 images that the generator makes from fixed noise, with the labels
    of these training images if there are classes. The run's batches and random stream are not
    touched; the noise comes from a separate stream, seeded by `seed`.
    """

    def __init__(self, worker: Worker, start: int, warn: Callable[[str], None]) -> None:
        """Begins an event file; see `EventFile` and `observers_of`.

        Raises:
          OutputError: it could not be written.
        """
        config, model, train = worker.config, worker.model, worker.stream.train
        self._out_dir = config.out_dir
        self._sample_every = config.resolved_int("sample_every")
        self._log_every = config.log_every
        self._model = model
        # Whole groups, if the discriminator judges several images together.
        self._pack = config.pack
        rows = np.arange(min(N_LOGITS, train.num_examples) // self._pack * self._pack)
        self._real, self._y = train.examples(rows)
        apart = seeded(config.resolved_int("seed"), LOGITS)
        z_dim = config.resolved_int("z_dim")
        Z = SYSTEMS[config.system].sample_Z(apart, len(rows), z_dim)
        self._Z = Z.astype(np.float32)
        self._events = EventFile(self._out_dir / TENSORBOARD, start, model.session.graph, warn)

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Adds the picture of iteration `it` and the histograms."""
        self._events.add_summary(self._picture(it), it)
        try:
            self._events.add_summary(tf.summary.Summary.FromString(self._histograms()), it)
        except tf.errors.InvalidArgumentError:
            # A value to show is NaN or infinite. The training loop will find that, too.
            return

    def losses(self, block: LossBlock) -> None:
        """Adds the signs, and the losses that `losses.csv` has, and flushes all events.

        So a checkpoint that is written next comes after everything that led to it.
        """
        self._add(block.first, block.signs, "health")
        for k in range(-block.first % self._log_every, len(block.D_loss), self._log_every):
            losses = {"D_loss": block.D_loss[k], "G_loss": block.G_loss[k]}
            self._add(block.first + k, losses, "losses")
        self._events.flush()

    def close(self) -> None:
        """Closes the file."""
        self._events.close()

    def _add(self, it: int, scalars: Mapping[str, float], group: str) -> None:
        values = [
            tf.summary.Summary.Value(tag=f"{group}/{name}", simple_value=value)
            for name, value in scalars.items()
        ]
        if values:
            self._events.add_summary(tf.summary.Summary(value=values), it)

    def _picture(self, it: int) -> Any:
        path = picture_path(self._out_dir, it // self._sample_every)
        with writing(self._out_dir / TENSORBOARD):
            content = path.read_bytes()
            with PIL.Image.open(io.BytesIO(content)) as picture:
                width, height = picture.size
        image = tf.summary.Summary.Image(
            width=width, height=height, colorspace=_RGBA, encoded_image_string=content
        )
        return tf.summary.Summary(value=[tf.summary.Summary.Value(tag="picture", image=image)])

    def _histograms(self) -> bytes:
        """Returns a serialised `tf.summary.Summary` of the current weights and the logits.

        Raises:
          InvalidArgumentError: a value is not finite.
        """
        model, gan, summaries = self._model, self._model.gan, self._model.summaries
        assert summaries is not None
        classes = None if gan.y is None else self._y.argmax(axis=1)
        fake = model.sample(self._Z, classes)
        n_real = len(self._real) // self._pack
        feeds = {gan.X: np.concatenate([self._real, fake]), summaries.n_real: n_real}
        if gan.y is not None:
            feeds[gan.y] = np.concatenate([self._y, self._y])
        histograms: bytes = model.session.run(summaries.histograms, feed_dict=feeds)
        return histograms
