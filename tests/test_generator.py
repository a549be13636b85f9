"""Tests of `Generator`: the same images as the training graph's, and every way to misuse it."""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from forked import forked
from mutants import flip
from networks import BY_BOTH
from offline import read_variables, train

from vanilla_gan.data.dataset import unit_scale
from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.session import Device
from vanilla_gan.errors import CheckpointError, UsageError, VanillaGanError
from vanilla_gan.generator import generator as generator_module
from vanilla_gan.generator.generator import BLOCK, Generator
from vanilla_gan.runfolder.best import run_of
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.systems import SYSTEMS

ITERS = 3


def noise(n, z_dim=5, seed=2):
    return np.random.RandomState(seed).uniform(-1, 1, [n, z_dim]).astype(np.float32)


@pytest.fixture
def vanilla(trained_run):
    with Generator.load(trained_run("vanilla")) as generator:
        yield generator


def test_it_matches_the_listing_in_numpy(vanilla, trained_run):
    V = read_variables(trained_run("vanilla"), ITERS)
    Z = noise(13).astype(np.float64)
    hidden = np.maximum(Z @ V["G_W1"] + V["G_b1"], 0)
    expected = 1 / (1 + np.exp(-(hidden @ V["G_W2"] + V["G_b2"])))
    got = vanilla(Z)
    assert (got.dtype, got.shape) == (np.float32, (13, 28, 28))
    np.testing.assert_allclose(got.reshape(13, 784), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("system", BY_BOTH)
def test_the_training_graph_draws_the_same_bits(trained_run, system):
    folder = trained_run(system)
    Z = noise(13)
    classes = np.arange(13) % 10 if SYSTEMS[system].conditional else None
    prefix = str(folder / "checkpoints" / f"{ITERS:010d}" / "model.ckpt")
    with open_model(read_record(folder).config, Device("/CPU:0", "")) as model:
        model.restore(prefix)
        expected = model.sample(Z, classes)
    with Generator.load(folder) as generator:
        got = generator(Z, classes)
        assert (generator.iteration, generator.config.system) == (ITERS, system)
    assert got.tobytes() == expected.tobytes()
    assert got.std() > 0


def test_one_checkpoint_of_a_run(trained_run):
    folder = trained_run("vanilla")
    with (
        Generator.load(folder / "checkpoints" / "0000000000") as first,
        Generator.load(folder) as last,
    ):
        assert (first.iteration, last.iteration) == (0, ITERS)
        assert not np.array_equal(first(noise(3)), last(noise(3)))


def test_a_checkpoint_is_named_from_within_its_folder(trained_run, monkeypatch):
    checkpoints = trained_run("vanilla") / "checkpoints"
    for folder, path in ((checkpoints, "0000000000"), (checkpoints / "0000000000", ".")):
        monkeypatch.chdir(folder)
        with Generator.load(path) as first:
            assert first.iteration == 0
        assert run_of(pathlib.Path(path)).samefile(checkpoints.parent)


def test_blocks_leave_no_seam(vanilla):
    Z = noise(2 * BLOCK + 17)
    got = vanilla(Z)
    for start in (0, BLOCK, 2 * BLOCK):
        part = vanilla(Z[start : start + BLOCK])
        assert got[start : start + BLOCK].tobytes() == part.tobytes()
    assert vanilla(Z[:0]).shape == (0, 28, 28)


def test_few_large_images_are_computed_at_once(vanilla, monkeypatch):
    expected, run, rows = vanilla(noise(7)), vanilla._trained.run, []

    def counted(signature, **inputs):
        rows.append(len(inputs["z"]))
        return run(signature, **inputs)

    monkeypatch.setattr(generator_module, "BLOCK_VALUES", 4 * 784 - 1)
    monkeypatch.setattr(vanilla._trained, "run", counted)
    np.testing.assert_allclose(vanilla(noise(7)), expected, rtol=0, atol=1e-6)
    assert rows == [3, 3, 1]


def test_a_class_for_each_image_or_one_for_all(trained_run):
    with Generator.load(trained_run("conditional")) as generator:
        Z = np.repeat(noise(1), 10, axis=0)
        every = generator(Z, np.arange(10))
        assert len({image.tobytes() for image in every}) == 10
        seven = generator(Z, 7)
        assert all(image.tobytes() == seven[0].tobytes() for image in seven)
        np.testing.assert_allclose(seven[0], every[7], rtol=0, atol=1e-6)


# One of each scale.
@pytest.mark.parametrize("system", ["vanilla", "layers"])
def test_grey_is_the_inverse_of_the_scale(trained_run, system):
    with Generator.load(trained_run(system)) as generator:
        grey = generator.to_grey(SYSTEMS[system].pixels())
        assert grey.dtype == np.uint8
        assert grey.tolist() == list(range(256))


def test_grey_rounds_and_clips(vanilla):
    images = np.array([-1.0, 0.0, 100.4 / 255, 100.6 / 255, 1.0, 1.5], np.float32)
    assert vanilla.to_grey(images).tolist() == [0, 0, 100, 101, 255, 255]
    assert unit_scale(np.float32(255)) == 1


def test_noise_is_the_systems_prior(trained_run):
    with (
        Generator.load(trained_run("vanilla")) as uniform,
        Generator.load(trained_run("conv")) as normal,
    ):
        expected = np.random.RandomState(3).uniform(-1, 1, [7, 5]).astype(np.float32)
        np.testing.assert_array_equal(uniform.sample_Z(7, seed=3), expected)
        expected = np.random.RandomState(3).normal(size=[7, 5]).astype(np.float32)
        np.testing.assert_array_equal(normal.sample_Z(7, seed=3), expected)
        assert not np.array_equal(uniform.sample_Z(7), uniform.sample_Z(7))


def test_a_fork_fails_at_once(vanilla):
    def use():
        with pytest.raises(UsageError, match="was loaded in another process"):
            vanilla(noise(1))

    assert forked(use) == 0


def test_it_leaves_eager_execution_on(trained_run):
    first = Generator.load(trained_run("vanilla"))
    second = Generator.load(trained_run("vanilla"))
    assert tf.executing_eagerly()
    expected = second(noise(3))
    # Not the last one first, as a stack would close them.
    first.close()
    np.testing.assert_array_equal(second(noise(3)), expected)
    second.close()
    assert tf.executing_eagerly()


@pytest.mark.parametrize(
    ("Z", "said"),
    [
        (np.zeros((3, 4)), r"the noise has shape \[3, 4\], expected \[n, 5\]: this vanilla"),
        (np.zeros(5), r"the noise has shape \[5\], expected \[n, 5\]"),
        (np.full((1, 5), np.nan), "the noise has values that are not finite in float32"),
        (np.full((1, 5), np.inf), "the noise has values that are not finite in float32"),
        (np.full((1, 5), "x"), "the noise is <U1, expected numbers"),
        (np.full((1, 5), 1e39), "the noise has values that are not finite in float32"),
    ],
)
def test_noise_that_does_not_fit(vanilla, Z, said):
    with pytest.raises(UsageError, match=said):
        vanilla(Z)


@pytest.mark.parametrize("device", ["/CPU:0", "CPU", "cuda", "gpu:x"])
def test_a_device_of_another_form(trained_run, device):
    with pytest.raises(UsageError, match=f"^--device={device}: expected auto, cpu, gpu or gpu:K"):
        Generator.load(trained_run("vanilla"), device)


def test_a_class_for_an_unconditional_system(vanilla):
    with pytest.raises(UsageError, match="system vanilla is not conditional; leave it out"):
        vanilla(noise(1), 3)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (None, "system conditional is conditional; give `classes`: 0 to 9"),
        (10, r"classes \[10\]: expected whole numbers 0 to 9"),
        ([0, -1], r"classes \[-1, 0\]"),
        ([0.5, 1.0], r"classes \[0.5, 1.0\]"),
        ([1, 2, 3], r"the classes have shape \[3\], expected \[2\]"),
        ([[1], [2]], r"the classes have shape \[2, 1\], expected \[2\]"),
    ],
)
def test_classes_that_do_not_fit(trained_run, classes, said):
    conditional = Generator.load(trained_run("conditional"))
    with conditional as generator, pytest.raises(UsageError, match=said):
        generator(noise(2), classes)


@pytest.fixture
def copy(trained_run, tmp_path):
    """Returns a copy of a vanilla run, which the test may damage."""
    return shutil.copytree(trained_run("vanilla"), tmp_path / "run")


def data_of(checkpoint):
    return checkpoint / "model.ckpt.data-00000-of-00001"


def test_a_damaged_checkpoint_is_skipped_and_reported(copy):
    flip(data_of(copy / "checkpoints" / f"{ITERS:010d}"))
    lines = []
    with Generator.load(copy, inform=lines.append) as generator:
        assert generator.iteration < ITERS
    (line,) = lines
    assert "0000000003 is passed over" in line
    assert "is damaged" in line


def load_error(path):
    with pytest.raises(VanillaGanError) as caught:
        Generator.load(path)
    assert type(caught.value) is CheckpointError
    assert str(caught.value).isprintable()
    # Advice on training would mislead somebody who only wants images.
    assert "--overwrite" not in str(caught.value)
    return str(caught.value)


def test_no_whole_checkpoint(copy):
    for checkpoint in (copy / "checkpoints").iterdir():
        flip(data_of(checkpoint))
    line = load_error(copy)
    assert line.startswith(f"{copy}: none of its 2 checkpoints can be used: ")


def test_no_checkpoint(copy):
    shutil.rmtree(copy / "checkpoints")
    assert "this run has no checkpoint yet; train it" in load_error(copy)


def test_a_damaged_checkpoint_that_was_named(copy):
    checkpoint = copy / "checkpoints" / f"{ITERS:010d}"
    flip(data_of(checkpoint))
    assert load_error(checkpoint).startswith(f"checkpoint {checkpoint} cannot be used: model.ckpt")


def test_a_checkpoint_of_another_run(copy, trained_run):
    other = trained_run("layers") / "checkpoints" / f"{ITERS:010d}"
    shutil.copytree(other, copy / "checkpoints" / "0000000009")
    line = load_error(copy / "checkpoints" / "0000000009")
    assert "it belongs to another run" in line


def test_a_checkpoint_of_another_architecture(copy, trained_run):
    """Even if its manifest says that it is this run's."""
    from vanilla_gan.storage.sealed_json import read_sealed, write_sealed

    checkpoint = copy / "checkpoints" / "0000000009"
    shutil.copytree(trained_run("layers") / "checkpoints" / f"{ITERS:010d}", checkpoint)
    manifest = read_sealed(checkpoint / "manifest.json")
    manifest["run_id"] = json.loads((copy / "run.json").read_bytes())["run_id"]
    write_sealed(checkpoint / "manifest.json", manifest)
    line = load_error(checkpoint)
    assert f"{checkpoint}: it does not hold the variables of system vanilla" in line


def test_no_run_there(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert f"{tmp_path / 'empty'}: there is no run" in load_error(tmp_path / "empty")
    assert f"{tmp_path / 'none'} does not exist; expected" in load_error(tmp_path / "none")
    assert f"{tmp_path / 'file'} is a file; expected" in load_error(tmp_path / "file")
    nowhere = tmp_path / "empty" / "checkpoints" / "0000000001"
    assert "does not exist" in load_error(nowhere)


def test_a_damaged_record(copy):
    flip(copy / "run.json")
    assert f"{copy / 'run.json'} cannot be used: " in load_error(copy)


def test_a_run_in_training_can_be_loaded(offline_data_dir, tmp_path, monkeypatch):
    """Three times, the run deletes the checkpoint that was found before it is opened."""
    out = tmp_path / "out"
    settings = {"batch_size": 11, "z_dim": 5, "h_dim": 7, "seed": 1, "checkpoint_every": 1}
    train(out, offline_data_dir, iters=4, keep_checkpoints=5, **settings)
    with Generator.load(out) as last:
        expected = last(last.sample_Z(3, seed=0))
    later = [out / "checkpoints" / f"{it:010d}" for it in (2, 3, 4)]
    aside = tmp_path / "aside"
    aside.mkdir()
    for folder in later:
        folder.rename(aside / folder.name)
    found = generator_module.find_checkpoint

    def find_and_lose(*words):
        record, checkpoint = found(*words)
        if later:
            (aside / later[0].name).rename(later.pop(0))
            shutil.rmtree(checkpoint.folder)
        return record, checkpoint

    monkeypatch.setattr(generator_module, "find_checkpoint", find_and_lose)
    with Generator.load(out) as generator:
        assert generator.iteration == 4
        assert np.array_equal(generator(generator.sample_Z(3, seed=0)), expected)


def test_a_run_that_replaces_another_is_not_taken_for_it(copy, monkeypatch):
    """As if `train --overwrite` began one while the networks of the first were being built."""
    found, records = generator_module.find_checkpoint, []

    def find(*words):
        record, checkpoint = found(*words)
        records.append(record)
        if len(records) == 3:
            record.run_id = "another"
        return record, checkpoint

    monkeypatch.setattr(generator_module, "find_checkpoint", find)
    assert load_error(copy) == (
        f"{copy}: another run has begun there meanwhile; give the same command again"
    )
    assert len(records) == 3


def test_a_run_may_be_in_a_folder_called_checkpoints(trained_run, tmp_path) -> None:
    for name in ("1", "mine"):
        out = pathlib.Path(shutil.copytree(trained_run("vanilla"), tmp_path / "checkpoints" / name))
        assert generator_module.find_checkpoint(out)[1].folder.parent.parent == out
        assert run_of(out) == run_of(out / "checkpoints" / "0000000003") == out
