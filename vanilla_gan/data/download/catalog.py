"""The data sets that can be downloaded: their files, sizes, checksums and mirrors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
# The order in which files are listed, downloaded and hashed.
FILE_NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
      name: its name, without `.gz`.
      size: how many bytes it has when it is not compressed.
      sha256: SHA-256 of those bytes, as 64 hex digits. The compressed files of two mirrors may
        differ; their decompressed bytes must not.
      packed: whether size and sum are those of the compressed file, if no others are published.
    """

    name: str
    size: int
    sha256: str
    packed: bool = False


@dataclass(frozen=True)
class DataSetEntry:
    """One data set.

    Attributes:
      name: what `--dataset` calls it, and the name of its folder.
      title: what its authors call it.
      files: its four files, in the order of `FILE_NAMES`.
      mirrors: addresses to which a file's name and `.gz` are appended, in the order to try them.
    """

    name: str
    title: str
    files: tuple[DataFile, ...]
    mirrors: tuple[str, ...]

    @property
    def checksum(self) -> str:
        """The `checksum` of `folder.RawData` for these files; for packed ones, no data have it."""
        sums = "".join(file.sha256 for file in self.files)
        return hashlib.sha256(sums.encode("ascii")).hexdigest()


def _files(*published: tuple[int, str], packed: bool = False) -> tuple[DataFile, ...]:
    """Returns four files of these sizes and sums, in the order of `FILE_NAMES`."""
    return tuple(
        DataFile(name, size, sha256, packed)
        for name, (size, sha256) in zip(FILE_NAMES, published, strict=True)
    )


MNIST = DataSetEntry(
    name="mnist",
    title="MNIST",
    files=_files(
        (47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        (60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        (7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        (10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
    mirrors=(
        # Common Visual Data Foundation; listed at https://github.com/cvdfoundation/mnist
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        # Listed in `torchvision.datasets.MNIST.mirrors`, https://github.com/pytorch/vision
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
)

FASHION_MNIST = DataSetEntry(
    name="fashion_mnist",
    title="Fashion-MNIST",
    files=_files(
        (47040016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        (60008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        (7840016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        (10008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ),
    mirrors=(
        # Listed in `keras.datasets.fashion_mnist`, https://github.com/keras-team/keras
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        # Its authors' own; listed in `torchvision.datasets.FashionMNIST.resources`. It has no
        # https, so only the checksum protects the download.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
)

# Sums and sizes of the gzipped files: TensorFlow Datasets, `url_checksums/kmnist.txt`.
KMNIST = DataSetEntry(
    name="kmnist",
    title="Kuzushiji-MNIST",
    files=_files(
        (18165135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
        (29497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
        (3041136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
        (5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        packed=True,
    ),
    mirrors=(
        # Its authors' own; listed in `torchvision.datasets.KMNIST.mirrors`.
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
)

CATALOG = {entry.name: entry for entry in (MNIST, FASHION_MNIST, KMNIST)}
