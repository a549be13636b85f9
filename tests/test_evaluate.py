"""Tests of `./run.sh evaluate`: what it prints and writes, and every way to misuse it."""

from __future__ import annotations

import json
import math
import pathlib
import re
import shutil

import numpy as np
import PIL.Image
import pytest
from offline import initial_weights, train
from one_line import failure

from vanilla_gan.cli import main as cli
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.drawing.grid import grid_layout
from vanilla_gan.generator.generator import Generator
from vanilla_gan.quality.figures import Figures
from vanilla_gan.quality.memorised import find_memorised
from vanilla_gan.quality.table import quality_table
from vanilla_gan.quality.trained_classifier import open_classifier
from vanilla_gan.runfolder.names import QUALITY, RUN_JSON
from vanilla_gan.runfolder.quality_json import read_evaluations
from vanilla_gan.storage.sealed_json import read_sealed, write_sealed

N = 37
pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def evaluate(trained_run, offline_data_dir, capsys):
    """Returns a function that evaluates and returns (stdout, lines on stderr)."""

    def run(*words, source=None):
        source = source or trained_run("vanilla")
        words = ["evaluate", f"--from={source}", f"--data_dir={offline_data_dir}", *map(str, words)]
        assert cli.main(words) == 0
        out, err = capsys.readouterr()
        return out, err.splitlines()

    return run


@pytest.fixture
def fails(trained_run, offline_data_dir, capsys):
    def run(*words):
        words = [f"--from={trained_run('vanilla')}", f"--data_dir={offline_data_dir}", *words]
        return failure(capsys, "evaluate", *words)

    return run


@pytest.mark.parametrize(
    "system",
    [
        "vanilla",
        "conditional",
        pytest.param("layers", marks=pytest.mark.slow),
        pytest.param("conv", marks=pytest.mark.slow),
    ],
)
def test_json_of_every_system(evaluate, exported, system):
    # An export, because evaluating the run itself would write to it.
    export = exported(system)
    out, _ = evaluate("--format=json", f"--n={N}", "--out=found.json", source=export)
    found = json.loads(out)
    assert out == pathlib.Path("found.json").read_text()
    assert (found["system"], found["iteration"], found["n"], found["seed"]) == (system, 3, N, 0)
    for figures in (found["figures"], found["real"]["figures"]):
        assert list(figures) == list(Figures._fields)
        assert all(math.isfinite(value) for value in figures.values())
    assert found["real"]["figures"]["frechet"] == found["figures"]["frechet_real"]
    assert sum(found["class_shares"]) == pytest.approx(1)
    assert len(found["shown"]) == 16
    assert ("class_agreement" in found) == (system == "conditional")
    assert found["classifier_test_accuracy"] == 0.1
    # After three iterations, no sample looks real.
    assert found["figures"]["frechet"] > found["figures"]["frechet_real"]
    # The figures are not stored, because an export is not a run.
    assert not (export / QUALITY).exists()


@pytest.mark.slow
def test_samples_of_the_class_asked_for(evaluate, exported, offline_data_dir):
    export = exported("conditional")
    out, _ = evaluate("--format=json", f"--n={N}", "--seed=8", source=export)
    stream = np.random.RandomState([8, 2 << 20])
    Z, asked = stream.uniform(-1, 1, [N, 5]), stream.randint(0, 10, N)
    with Generator.load(export) as generator:
        samples = generator(Z, asked).reshape(N, 784)
    source = read_data_sets("mnist", offline_data_dir, stream, allow_unverified=True)
    with open_classifier(source, print) as look:
        agreement = (look(samples).classes == asked).mean()
    assert json.loads(out)["class_agreement"] == agreement
    table, _ = evaluate(f"--n={N}", "--seed=8", source=export)
    assert f"shown by {agreement:.2%} of samples" in table


@pytest.mark.slow
def test_the_nearest_neighbours_of_the_shown_samples(evaluate, exported, offline_data_dir):
    export = exported("vanilla")
    out, _ = evaluate("--format=json", f"--n={N}", "--seed=8", source=export)
    found = json.loads(out)
    Z = np.random.RandomState([8, 2 << 20]).uniform(-1, 1, [N, 5])
    with Generator.load(export) as generator:
        shown = generator(Z)[:16].reshape(16, 784)
    splits = read_data_sets(
        "mnist", offline_data_dir, np.random.RandomState(0), allow_unverified=True
    ).splits
    for sample, each in zip(shown, found["shown"], strict=True):
        distances = [math.dist(sample, real / 255) for real in splits.train.images]
        assert each["nearest"] == int(np.argmin(distances))
        assert each["distance"] == pytest.approx(min(distances), rel=1e-6)
        assert each["nearest_class"] == each["nearest"] % 10
        assert each["memorised"] == (min(distances) < found["test_image_distance"]["1%"])


def test_the_table(evaluate, exported):
    export = exported("vanilla")
    out, _ = evaluate(f"--n={N}", "--out=found.json", source=export)
    found = json.loads(pathlib.Path("found.json").read_text())
    assert out == quality_table(found) + "\n"
    lines = out.splitlines()
    assert lines[0] == f"vanilla on mnist after 3 iterations, {N} samples"
    assert all(len(line) <= 80 for line in lines)
    (frechet,) = [line.split() for line in lines if line.startswith("Frechet")]
    assert frechet[2] == f"{found['figures']['frechet']:.2f}"
    assert frechet[3] == f"{found['figures']['frechet_real']:.2f}"
    (parzen,) = [line for line in lines if line.startswith("Parzen")]
    assert f"{found['figures']['parzen_nats']:.1f} +- " in parzen
    assert not re.search("nan|None", out)
    assert lines[-1].endswith("10.00%; all but Parzen mean little")
    better = quality_table({**found, "classifier_test_accuracy": 0.55})
    assert "mean little" not in better
    assert "all ten" in better
    assert "all 3" in quality_table({**found, "trained_classes": 3})
    # Long numbers, as for large images: the two columns must not run together.
    for figures in (found["figures"], found["real"]["figures"]):
        figures |= {"parzen_nats": -123456.7, "parzen_nats_error": 1234.5}
    assert quality_table(found).count(" -123456.7 +- 1234.5") == 2


@pytest.mark.slow
def test_the_same_again_and_another_seed(evaluate, exported):
    export = exported("vanilla")
    words = ("--format=json", f"--n={N}")
    first, _ = evaluate(*words, source=export)
    assert evaluate(*words, source=export)[0] == first
    other = json.loads(evaluate(*words, "--seed=1", source=export)[0])
    assert other["figures"]["parzen_nats"] != json.loads(first)["figures"]["parzen_nats"]
    assert other["real"] == json.loads(first)["real"]


def test_the_classifier_is_trained_once(
    evaluate, exported, offline_data_dir, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    export = exported("vanilla")
    _, lines = evaluate(f"--n={N}", source=export)
    firsts = [line.split(" ")[0] for line in lines[-4:]]
    # It cannot learn anything from random images.
    assert firsts == ["training", "the", "warning:", "judging"]
    assert "correct for 10.00% of the test images" in lines[-2]
    assert lines[-3].endswith(f"kept in {tmp_path / 'cache' / 'vanilla_gan'}")
    assert not list((offline_data_dir / "mnist").glob("classifier-*"))
    _, lines = evaluate(f"--n={N}", source=export)
    assert lines[1:] == [f"judging {N} samples and as many real images"]


def test_a_run_keeps_the_figures_of_its_checkpoints(
    offline_data_dir, evaluate, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    weights = tmp_path / "weights.npz"
    np.savez(weights, **initial_weights())
    words = ["--iters=2", "--checkpoint_every=1", "--dataset=mnist", "--allow_unverified_data"]
    words += [
        f"--data_dir={offline_data_dir}",
        f"--out={out}",
        f"--init_weights={weights}",
        "--seed=0",
    ]
    assert cli.main(words) == 0
    _, lines = evaluate(f"--n={N}", source=out)
    assert lines[-1] == f"added to {out / QUALITY}, iteration 2"
    _, lines = evaluate("--n=38", source=out / "checkpoints" / "0000000001")
    assert lines[-1] == f"added to {out / QUALITY}, iteration 1"
    found = read_evaluations(out)
    assert [(each.iteration, each.n) for each in found] == [(1, 38), (2, N)]
    assert list(found[0].figures) == list(Figures._fields)

    # Without --data_dir it looks in the run's own data folder.
    assert cli.main(["evaluate", f"--from={out}", f"--n={N}"]) == 0
    assert [each.n for each in read_evaluations(out)] == [38, N]

    # They choose the best checkpoint, so other noise or fewer samples must not replace them.
    before = (out / QUALITY).read_bytes()
    for given in ("--n=36", f"--n={N} --seed=1"):
        _, lines = evaluate(*given.split(), source=out)
        assert lines[-1].startswith(f"not added to {out / QUALITY}: ")
    assert (out / QUALITY).read_bytes() == before

    (out / QUALITY).write_text("mine")
    printed, lines = evaluate(f"--n={N}", source=out)
    assert printed.startswith("vanilla on mnist")
    assert lines[-1].startswith(f"warning: {out / QUALITY} is not a file of evaluations: ")
    assert (out / QUALITY).read_text() == "mine"

    def begin_another_run(*images):
        write_sealed(out / RUN_JSON, {**read_sealed(out / RUN_JSON), "run_id": "another"})
        return find_memorised(*images)

    (out / QUALITY).unlink()
    monkeypatch.setattr("vanilla_gan.quality.evaluate.find_memorised", begin_another_run)
    _, lines = evaluate(f"--n={N}", source=out)
    assert lines[-1] == f"not added to {out / QUALITY}: another run has begun there"
    assert not (out / QUALITY).exists()


@pytest.mark.parametrize("n", [N, 10])
def test_the_picture_of_neighbours(evaluate, exported, n):
    export = exported("vanilla")
    _, lines = evaluate(f"--n={n}", "--neighbours=pairs.png", source=export)
    assert lines[-1] == "wrote pairs.png"
    rows = -(-min(n, 16) // 4)
    layout = grid_layout(rows, 8)
    picture = np.asarray(PIL.Image.open("pairs.png"))
    # White gaps, half a tile wide, separate the four pairs.
    gap = layout.tile_width // 2
    assert picture.shape[:2] == (layout.height, layout.width + 3 * gap)
    for pair in (3, 2, 1):
        behind = layout.lefts[2 * pair] + pair * gap
        assert (picture[:, behind - gap : behind] == 255).all()
        picture = np.delete(picture, np.s_[behind - gap : behind], axis=1)
    tiles = [
        picture[top : top + layout.tile_height, left : left + layout.tile_width, 0]
        for top, left in layout.corners()
    ]
    # Real images are grey noise here, and samples are not uniform either; empty tiles are.
    assert all(tile.std() > 0 for tile in tiles[: 2 * min(n, 16)])
    assert all(tile.std() == 0 for tile in tiles[2 * min(n, 16) :])
    assert len({tile.tobytes() for tile in tiles[: 2 * min(n, 16) : 2]}) == min(n, 16)


def test_more_samples_than_there_are_to_compare_with(fails):
    assert fails("--n=501") == (
        2,
        "--n=501: expected at most 500, half of the training images of mnist, because the "
        "comparison needs two sets of that many real images",
    )


def test_other_data(fails, offline_data_dir, tmp_path):
    other = tmp_path / "other" / "mnist"
    other.mkdir(parents=True)
    for path in (offline_data_dir / "mnist").glob("*ubyte"):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        (other / path.name).write_bytes(content)
    status, line = fails(f"--data_dir={other.parent}", f"--n={N}")
    assert status == 1
    assert line.startswith(f"mnist in {other.parent} has the checksum ")
    assert line.endswith("; give the --data_dir of those data")


def test_the_runs_own_data_come_before_those_of_the_environment(
    elsewhere, offline_data_dir, monkeypatch, capsys
):
    shutil.copytree(offline_data_dir, "data")
    train(elsewhere / "out", "data", iters=1, z_dim=5, h_dim=7, batch_size=11)
    monkeypatch.setenv("VANILLA_GAN_DATA", str(elsewhere / "none"))
    assert cli.main(["evaluate", f"--n={N}"]) == 0, capsys.readouterr().err


def test_no_data(fails, tmp_path):
    status, line = fails(f"--data_dir={tmp_path / 'none'}")
    assert status == 1
    assert "none/mnist lacks" in line
