"""Tests of the classifier: its graph in NumPy, its training, and what keeps it."""

from __future__ import annotations

import json
import shutil
import stat

import numpy as np
import pytest
from numpy_layers import convolved
from offline import data_files

from vanilla_gan.data.dataset import Datasets
from vanilla_gan.data.read import DataSource, read_data_sets
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import shapes_of
from vanilla_gan.quality import trained_classifier
from vanilla_gan.quality.classifier import FEATURES, build_classifier
from vanilla_gan.quality.classifier_store import ClassifierStore, KeptClassifier, cache_folder
from vanilla_gan.quality.classifier_training import train_classifier
from vanilla_gan.quality.trained_classifier import open_classifier
from vanilla_gan.storage.npz import write_npz

CHECKSUM = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keeps the user's own cache out of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vanilla_gan"


@pytest.fixture(scope="module")
def shapes():
    with tf.Graph().as_default():
        return shapes_of(build_classifier().theta)


@pytest.fixture(scope="module")
def stripes():
    """Returns images that a glance tells apart, uint8 [300, 784], and classes: a row each."""
    stream = np.random.RandomState(0)
    classes = stream.randint(0, 10, 300).astype(np.uint8)
    images = stream.randint(0, 60, (300, 28, 28)).astype(np.uint8)
    images[np.arange(300), 2 + 2 * classes] = 255
    return images.reshape(300, 784), classes


@pytest.fixture(scope="module")
def weights(stripes):
    return train_classifier(*stripes, epochs=20)


def source_of(images, labels, checksum=CHECKSUM):
    """Returns a data source whose three splits are the same."""

    class Split:
        num_examples = len(images)

    Split.images, Split.labels = images, labels
    return DataSource(Datasets(Split, Split, Split), "mnist", checksum)


def in_numpy(V, X):
    """The graph from its definition: features and logits."""
    V = {name.removeprefix("classifier/"): np.float64(value) for name, value in V.items()}
    h = X.reshape(-1, 28, 28, 1)
    for name in ("conv0", "conv1"):
        h = np.maximum(convolved(h, V[f"{name}/kernel"], 1) + V[f"{name}/bias"], 0)
        B, H, W, C = h.shape
        h = h.reshape(B, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))
    h = h.reshape(len(X), -1) @ V["dense/kernel"] + V["dense/bias"]
    features = np.maximum(h, 0)
    return features, features @ V["logits/kernel"] + V["logits/bias"]


def test_the_graph_in_numpy(weights, stripes):
    X = (stripes[0][:13] / 255).astype(np.float32)
    features, logits = in_numpy(weights, X)
    store = ClassifierStore(cache_folder(), CHECKSUM)
    store.write(KeptClassifier(weights, 0.5))
    with open_classifier(source_of(*stripes), "nowhere", print) as look:
        seen = look(X)
    assert (seen.features.shape, seen.features.dtype) == ((13, FEATURES), np.float64)
    np.testing.assert_allclose(seen.features, features, rtol=1e-4, atol=1e-4)
    assert seen.classes.tolist() == logits.argmax(axis=1).tolist()
    assert features.max() > 0


def test_it_learns(weights, stripes):
    images, classes = stripes
    logits = in_numpy(weights, images[:50] / 255)[1]
    assert (logits.argmax(axis=1) == classes[:50]).mean() > 0.9


def test_training_is_the_same_each_time(weights, stripes):
    again = train_classifier(*stripes, epochs=20)
    assert again.keys() == weights.keys()
    for name, value in weights.items():
        assert again[name].tobytes() == value.tobytes(), name


def test_fewer_images_than_a_batch(stripes):
    images, classes = stripes
    trained = train_classifier(images[:7], classes[:7], epochs=1)
    assert all(np.isfinite(value).all() for value in trained.values())


# --- Keeping it.


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mnist").mkdir()
    return tmp_path / "mnist"


def test_it_is_kept_beside_the_data(folder, cache, weights, shapes):
    store = ClassifierStore(folder, CHECKSUM)
    said = []
    assert store.read(shapes, said.append) is None
    assert store.write(KeptClassifier(weights, 0.875)) == folder
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["classifier-0123456789abcdef.json", "classifier-0123456789abcdef.npz"]
    kept = store.read(shapes, said.append)
    assert kept.test_accuracy == 0.875
    assert {name: value.tobytes() for name, value in kept.weights.items()} == {
        name: value.tobytes() for name, value in weights.items()
    }
    assert said == []
    assert not cache.exists()


@pytest.mark.parametrize("there", [True, False])
def test_in_the_cache_where_the_folder_takes_no_files(folder, cache, weights, shapes, there):
    # Nobody may write to it; root, who may, keeps to that.
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    store = ClassifierStore(folder if there else folder / "missing", CHECKSUM)
    assert store.write(KeptClassifier(weights, 0.5)) == cache
    assert list(folder.iterdir()) == []
    assert store.read(shapes, print).test_accuracy == 0.5
    folder.chmod(0o700)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def other_data(path):
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "data": "ab" * 32}))


@pytest.mark.parametrize(
    ("ending", "damage"), [("npz", flip), ("npz", cut), ("json", flip), ("json", other_data)]
)
def test_a_damaged_one_is_passed_over_with_a_word(folder, weights, shapes, ending, damage):
    store = ClassifierStore(folder, CHECKSUM)
    store.write(KeptClassifier(weights, 0.5))
    damage(folder / f"classifier-0123456789abcdef.{ending}")
    said = []
    assert store.read(shapes, said.append) is None
    (line,) = said
    assert line.startswith(f"{folder / 'classifier-0123456789abcdef.json'} is passed over: ")
    assert "\n" not in line


@pytest.mark.parametrize("ending", ["npz", "json"])
def test_half_of_one_is_none(folder, weights, shapes, ending):
    store = ClassifierStore(folder, CHECKSUM)
    store.write(KeptClassifier(weights, 0.5))
    (folder / f"classifier-0123456789abcdef.{ending}").unlink()
    assert store.read(shapes, print) is None


def test_whole_weights_that_are_not_those_of_the_record(folder, weights, shapes):
    store = ClassifierStore(folder, CHECKSUM)
    store.write(KeptClassifier(weights, 0.5))
    others = {name: value + 1 for name, value in weights.items()}
    write_npz(folder / "classifier-0123456789abcdef.npz", others)
    said = []
    assert store.read(shapes, said.append) is None
    assert said[0].endswith("classifier-0123456789abcdef.npz is not what was written beside it")


def test_that_of_other_data_or_of_another_version(folder, weights, shapes, monkeypatch):
    ClassifierStore(folder, CHECKSUM).write(KeptClassifier(weights, 0.5))
    # As many first digits are the same.
    assert ClassifierStore(folder, CHECKSUM[:32] + "0" * 32).read(shapes, print) is None
    monkeypatch.setattr("vanilla_gan.quality.classifier_store.VERSION", 999)
    said = []
    assert ClassifierStore(folder, CHECKSUM).read(shapes, said.append) is None
    assert "it is of other data or another version of the classifier" in said[0]


def test_it_is_trained_once(folder, stripes, monkeypatch):
    source = source_of(*stripes)
    X = (stripes[0] / 255).astype(np.float32)
    lines: list[str] = []
    with open_classifier(source, folder.parent, lines.append) as look:
        first = look(X)
        right = (first.classes == stripes[1]).mean()
        assert look.test_accuracy == right
    assert [line.split(";")[0] for line in lines] == [
        "training the classifier of mnist that samples are judged by, once",
        f"the classifier names {right:.2%} of the test images right",
    ]
    monkeypatch.setattr(trained_classifier, "train_classifier", None)
    with open_classifier(source, folder.parent, print) as look:
        again = look(X)
        assert look.test_accuracy == right
    assert again.features.tobytes() == first.features.tobytes()


def test_a_damaged_one_is_trained_again(folder, stripes):
    source = source_of(*stripes)
    with open_classifier(source, folder.parent, print):
        pass
    path = folder / "classifier-0123456789abcdef.npz"
    whole = path.read_bytes()
    flip(path)
    lines = []
    with open_classifier(source, folder.parent, lines.append):
        pass
    assert len(lines) == 3
    assert "is passed over: " in lines[0]
    assert path.read_bytes() == whole


def test_where_it_cannot_be_kept_it_is_used_all_the_same(tmp_path, stripes, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    lines = []
    with open_classifier(source_of(*stripes), tmp_path / "missing", lines.append) as look:
        assert look((stripes[0][:3] / 255).astype(np.float32)).classes.shape == (3,)
    assert "it is not kept: cannot write" in lines[-1]


def test_the_cache_is_where_the_user_says(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path / "cache" / "vanilla_gan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "vanilla_gan"


# --- On real data.


def linked(real_data_dir, tmp_path, name):
    """Returns a data folder to write to, with the real files in it."""
    (tmp_path / name).mkdir()
    for path in (real_data_dir / name).iterdir():
        (tmp_path / name / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("mnist", 0.988), ("fashion_mnist", 0.88)])
def test_the_accuracy_on_published_data(real_data_dir, tmp_path, name, least):
    data_dir = linked(real_data_dir, tmp_path, name)
    source = read_data_sets(name, data_dir, np.random.RandomState(0))
    with open_classifier(source, data_dir, print) as look:
        assert look.test_accuracy >= least


def test_offline_data_have_a_classifier_too(tmp_path):
    (tmp_path / "mnist").mkdir()
    for name, content in data_files().items():
        (tmp_path / "mnist" / name).write_bytes(content)
    source = read_data_sets("mnist", tmp_path, np.random.RandomState(0), allow_unverified=True)
    with open_classifier(source, tmp_path, print) as look:
        # Ten black test images, one of each class: one is named right.
        assert look.test_accuracy == 0.1
    shutil.rmtree(tmp_path / "mnist")
