"""Tests of the classifier: its graph in NumPy, its training, and its cache."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest
from mutants import flip
from numpy_layers import convolved

from vanilla_gan.data.dataset import DataSet, Datasets
from vanilla_gan.data.read import DataSource, read_data_sets
from vanilla_gan.data.streams import unread
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import shapes_of
from vanilla_gan.quality import trained_classifier
from vanilla_gan.quality.classifier import FEATURES, build_classifier
from vanilla_gan.quality.classifier_store import ClassifierStore, KeptClassifier, cache_folder
from vanilla_gan.quality.classifier_training import train_classifier
from vanilla_gan.quality.trained_classifier import open_classifier

CHECKSUM = "0123456789abcdef" * 4
KEPT = f"classifier-1-{CHECKSUM}.npz"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Replaces the user's own cache by an empty one; returns the program's folder in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vanilla_gan"


@pytest.fixture(scope="module")
def shapes():
    with tf.Graph().as_default():
        return shapes_of(build_classifier().theta)


@pytest.fixture(scope="module")
def stripes():
    """Returns images, uint8 [300, 784], and classes: each class has a different row white."""
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
    split = DataSet(images.reshape(-1, 28, 28), labels, unread())
    return DataSource(Datasets(split, split, split), "mnist", checksum)


def in_unit(stripes):
    return (stripes[0] / 255).astype(np.float32)


def in_numpy(V, X):
    """Returns the graph's features and logits, computed from its definition."""
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
    X = in_unit(stripes)[:13]
    features, logits = in_numpy(weights, X)
    right = (in_numpy(weights, in_unit(stripes))[1].argmax(axis=1) == stripes[1]).mean()
    ClassifierStore(CHECKSUM).write(KeptClassifier(weights, float(right)))
    with open_classifier(source_of(*stripes), pytest.fail) as look:
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


# --- Its cache.


def test_it_is_kept_in_the_users_cache_and_nowhere_else(cache, weights, shapes):
    store = ClassifierStore(CHECKSUM)
    said = []
    assert store.read(shapes, said.append) is None
    assert store.write(KeptClassifier(weights, 0.875)) == cache
    assert [path.name for path in cache.iterdir()] == [KEPT]
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    kept = store.read(shapes, said.append)
    assert kept.test_accuracy == 0.875
    assert {name: value.tobytes() for name, value in kept.weights.items()} == {
        name: value.tobytes() for name, value in weights.items()
    }
    assert said == []


def test_one_of_large_images_is_kept_too(cache):
    large = np.random.RandomState(0).normal(size=(1100, 1000)).astype(np.float32)
    said = []
    ClassifierStore(CHECKSUM).write(KeptClassifier({"kernel": large}, 0.5))
    kept = ClassifierStore(CHECKSUM).read({"kernel": large.shape}, said.append)
    assert (said, kept.weights["kernel"].tobytes()) == ([], large.tobytes())


@pytest.mark.parametrize("whose", ["the group's", "another user's"][: 1 if os.geteuid() else 2])
def test_a_cache_that_others_may_write_to_is_not_read(cache, weights, shapes, whose):
    store = ClassifierStore(CHECKSUM)
    store.write(KeptClassifier(weights, 0.5))
    if whose == "the group's":
        cache.chmod(0o775)
    else:
        os.chown(cache, 65534, 65534)
    said = []
    kept = store.read(shapes, said.append)
    assert (kept is None, len(said)) == (True, 1)
    assert "others may write to" in said[0]


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("damage", [flip, cut])
def test_a_damaged_one_is_passed_over_with_a_message(cache, weights, shapes, damage):
    store = ClassifierStore(CHECKSUM)
    store.write(KeptClassifier(weights, 0.5))
    damage(cache / KEPT)
    said = []
    assert store.read(shapes, said.append) is None
    (line,) = said
    assert line.startswith(f"{cache / KEPT} is passed over: ")
    assert "\n" not in line


def test_one_of_other_data_or_of_another_version(cache, weights, shapes, monkeypatch):
    ClassifierStore(CHECKSUM).write(KeptClassifier(weights, 0.5))
    assert ClassifierStore(CHECKSUM[:32] + "0" * 32).read(shapes, print) is None
    monkeypatch.setattr("vanilla_gan.quality.classifier_store.VERSION", 999)
    assert ClassifierStore(CHECKSUM).read(shapes, print) is None


def test_it_is_trained_once(cache, stripes, monkeypatch):
    source = source_of(*stripes)
    X = in_unit(stripes)
    lines: list[str] = []
    with open_classifier(source, lines.append) as look:
        first = look(X)
        right = (first.classes == stripes[1]).mean()
        assert look.test_accuracy == right
    assert [line.split(";")[0] for line in lines] == [
        "training a classifier of mnist to judge samples",
        f"the classifier is correct for {right:.2%} of the test images",
    ]
    monkeypatch.setattr(trained_classifier, "train_classifier", None)
    with open_classifier(source, print) as look:
        again = look(X)
        assert look.test_accuracy == right
    assert again.features.tobytes() == first.features.tobytes()


def test_a_damaged_one_is_trained_again(cache, stripes):
    source = source_of(*stripes)
    with open_classifier(source, print):
        pass
    path = cache / KEPT
    whole = path.read_bytes()
    flip(path)
    lines = []
    with open_classifier(source, lines.append):
        pass
    assert len(lines) == 3
    assert "is passed over: " in lines[0]
    assert path.read_bytes() == whole


def test_one_less_accurate_than_it_says_is_trained_again(cache, stripes, weights):
    """Weights of 0 would make the distance of any samples from any images 0."""
    zeros = {name: np.zeros_like(value) for name, value in weights.items()}
    ClassifierStore(CHECKSUM).write(KeptClassifier(zeros, 0.99))
    lines = []
    with open_classifier(source_of(*stripes), lines.append) as look:
        assert look.test_accuracy == (look(in_unit(stripes)).classes == stripes[1]).mean()
        assert np.ptp(look(in_unit(stripes)).features) > 0
    assert "is passed over: it classifies " in lines[0]
    assert len(lines) == 3


def test_it_is_used_even_if_it_cannot_be_kept(tmp_path, stripes, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    lines = []
    with open_classifier(source_of(*stripes), lines.append) as look:
        assert look((stripes[0][:3] / 255).astype(np.float32)).classes.shape == (3,)
    assert "it could not be saved: cannot write" in lines[-1]


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
    with open_classifier(source, print) as look:
        assert look.test_accuracy >= least


def test_offline_data_have_a_classifier_too(offline_data_dir):
    stream = np.random.RandomState(0)
    source = read_data_sets("mnist", offline_data_dir, stream, allow_unverified=True)
    with open_classifier(source, print) as look:
        # Ten black test images, one of each class: one is classified correctly.
        assert look.test_accuracy == 0.1
