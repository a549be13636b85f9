"""Data of other shapes and numbers of classes than the published ones: all commands, end to end."""

from __future__ import annotations

import functools
import io
import itertools
import json
import pathlib
import tokenize

import numpy as np
import offline
import PIL.Image
import pytest
import tensorflow as tf
from networks import BY_D
from reference_grid import draw_reference

from vanilla_gan.agreement.compare import compare
from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.agreement.statistics import NAMES, picture_statistics, roughness
from vanilla_gan.data.classes import Classes, all_classes
from vanilla_gan.data.shape import ImageShape
from vanilla_gan.drawing.grid import GridRenderer, grid_layout
from vanilla_gan.drawing.tiles import read_tiles
from vanilla_gan.errors import DamagedRunError, UsageError
from vanilla_gan.generator.export import export
from vanilla_gan.generator.generator import Generator
from vanilla_gan.generator.import_weights import import_weights
from vanilla_gan.generator.sample import sample
from vanilla_gan.generator.settings import ExportConfig, ImportConfig, SampleConfig
from vanilla_gan.health.doctor import patient_of
from vanilla_gan.quality.evaluate import evaluate
from vanilla_gan.quality.settings import EvaluateConfig
from vanilla_gan.quality.table import quality_table
from vanilla_gan.report.report import write_report
from vanilla_gan.report.settings import ReportConfig
from vanilla_gan.runfolder.health_csv import read_health
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.sealed_json import read_sealed, write_sealed
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.fork import fork

PACKAGE = pathlib.Path(offline.run.__file__).parents[1]
ITERS, BATCH = 3, 8
# Unusual numbers of classes and unequal sides expose a transpose or a published size. 64 pixels
# give conv a third strided layer.
SHAPES = {"grey": (ImageShape(8, 64), 3), "colour": (ImageShape(16, 16, 3), 12)}
FAST = [("colour", "conditional")]


@pytest.fixture(scope="module", params=SHAPES)
def data(request, tmp_path_factory):
    """Returns a `--data_dir` with 24 images to train on, their shape and number of classes."""
    shape, classes = SHAPES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    offline.write_data(folder, shape, np.arange(5024) % classes, np.arange(7) % classes)
    return folder, shape, classes


# For what is made from a run: one system, with both shapes, of which one is slow.
CONDITIONAL = pytest.mark.parametrize(
    ("data", "system"),
    [*FAST, pytest.param("grey", "conditional", marks=pytest.mark.slow)],
    indirect=True,
    scope="module",
)
# Each system of `BY_D` with one shape, conv with both; all but one are slow.
FORMS = [
    pytest.param(*form, marks=[] if form in FAST else pytest.mark.slow)
    for form in sorted(
        {*zip(itertools.cycle(SHAPES), BY_D), *((shape, "conv") for shape in SHAPES)}
    )
]


@pytest.fixture(scope="module")
def system(request):
    return request.param


@pytest.fixture(scope="module")
def train(data, system):
    sizes = {"z_dim": 5} | ({"h_dim": 7} if "h_dim" in SYSTEMS[system].defaults else {})
    return functools.partial(
        offline.train,
        data_dir=data[0],
        system=system,
        seed=11,
        batch_size=BATCH,
        log_every=1,
        sample_every=2,
        **sizes,
    )


@pytest.fixture(scope="module")
def run(train, tmp_path_factory):
    return train(tmp_path_factory.mktemp("run") / "out", iters=ITERS)


@pytest.mark.parametrize(("data", "system"), FORMS, indirect=True, scope="module")
def test_it_trains_alike_on_both_engines_and_resumes(
    data, run, train, system, tmp_path, twenty_images
):
    _, shape, classes = data
    dataset = run.record()["dataset"]
    assert (dataset["image_shape"], dataset["num_classes"]) == ([*shape], classes)
    assert np.isfinite(run.losses()).all()
    if system == "conv":
        deepest = run.variables(ITERS)[f"generator/deconv{2 + (max(shape) == 64)}/kernel"]
        assert deepest.shape == (5, 5, shape.channels, 64)
    if SYSTEMS[system].conditional:
        told = classes if system == "conditional" else 0  # the only D that is told the class
        assert run.variables(ITERS)["D_W1"].shape == (shape.size + told, 7)
        assert run.variables(ITERS)["G_W1"].shape[0] == 5 + classes
    if system == "conditional":
        train(tmp_path / "out", iters=1, engine="feed")
    again = train(tmp_path / "out", iters=ITERS, engine="feed")
    resumed = f"continuing at iteration 1 of {ITERS}" in again.lines
    assert resumed == (system == "conditional")
    np.testing.assert_allclose(again.losses(), run.losses(), rtol=1e-5)
    others = RunConfig(out=str(tmp_path / "fork"), data_dir=str(twenty_images))
    with pytest.raises(UsageError, match=f"has images of 28x28 .* on {shape} in {classes}, so "):
        fork(str(run.out), others)


@pytest.mark.parametrize(("data", "system"), FORMS, indirect=True, scope="module")
def test_it_samples_and_exports_in_every_form(data, run, system, tmp_path, monkeypatch):
    _, shape, classes = data
    monkeypatch.chdir(tmp_path)
    source, say = str(run.out), [].append
    for form, name in (("npz", "a.npz"), ("idx", "b-images-idx3-ubyte"), ("png", "c.png")):
        sample(SampleConfig(source=source, format=form, out=name, n=5, seed=2), say)
    sample(SampleConfig(source=source, separate=True, out="each", n=5, seed=2), say)
    sample(SampleConfig(source=source, interpolate=2, out="walk.png", n=3, seed=2), say)
    with np.load("a.npz") as arrays:
        images, drawn_classes = arrays["images"], arrays.get("classes")
    assert images.shape == (5, *shape.array)
    with Generator.load(source) as generator:
        grey = generator.to_grey(images)
        if SYSTEMS[system].conditional:
            assert drawn_classes.tolist() == (np.arange(5) % classes).tolist()
            with pytest.raises(UsageError, match=rf"\[{classes}\].*0 to {classes - 1}"):
                generator(np.zeros((1, 5)), classes)
    assert pathlib.Path("b-images-idx3-ubyte").read_bytes() == offline.idx(grey)
    for number, image in enumerate(grey):
        with PIL.Image.open(f"each/{number:03d}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), image)
    with PIL.Image.open("walk.gif") as gif:
        assert gif.width * shape.height == gif.height * shape.width
    for form, name in (("saved_model", "model"), ("npz", "weights.npz")):
        export(ExportConfig(source=source, format=form, out=name), say)
    checkpoint = run.out / "checkpoints" / f"{ITERS:010d}" / "model.ckpt"
    sizes = {"z_dim": 5, "h_dim": run.record()["config"]["h_dim"]}
    import_weights(
        ImportConfig(
            source=str(checkpoint),
            system=system,
            image_shape=str(shape),
            num_classes=classes,
            out="imported.npz",
            **sizes,
        ),
        say,
    )
    assert pathlib.Path("imported.npz").read_bytes() == pathlib.Path("weights.npz").read_bytes()
    signature = tf.saved_model.load("model").signatures["generate"]
    assert signature.structured_outputs["images"].shape.as_list() == [None, shape.size]
    with Generator.load("model") as exported:
        assert exported(np.zeros((1, 5)), 0 if SYSTEMS[system].conditional else None).shape == (
            1,
            *shape.array,
        )


@CONDITIONAL
def test_it_is_reported_and_compared(data, run):
    _, shape, _ = data
    lines = []
    path = write_report(ReportConfig(source=str(run.out)), lines.append)
    assert [line for line in lines if "warning" in line] == []
    assert path.stat().st_size > 10_000
    facts = {fact.what: fact for fact in compare(CompareConfig(source=str(run.out))).facts}
    assert facts["picture size"].passed
    assert facts["tile positions"].passed
    with (
        PIL.Image.open(run.out / "training.gif") as gif,
        PIL.Image.open(run.out / "000.png") as png,
    ):
        assert gif.size == png.size
        colours = np.asarray(gif.convert("RGB")).reshape(-1, 3)
        assert (np.ptp(colours, axis=1) > 20).any() == (shape.channels == 3)
        seen = picture_statistics(read_tiles(np.asarray(png), 4, 4, shape), shape)
    # health.csv has the statistics of the samples as the picture shows them.
    taken = read_health(run.out / "health.csv").numbers[0, -len(NAMES) :]
    np.testing.assert_allclose(taken, seen, rtol=0.03)


@CONDITIONAL
def test_it_is_evaluated(data, run, tmp_path):
    folder, shape, classes = data
    pairs = tmp_path / "pairs.png"
    config = EvaluateConfig(source=str(run.out), data_dir=str(folder), neighbours=str(pairs))
    found = evaluate(config, lambda line: None)
    assert len(found["class_shares"]) == classes
    table = quality_table(found)
    assert f"all {classes}" in table
    assert f"classes 0 to {classes - 1}, %" in table
    assert max(map(len, table.splitlines())) <= 80
    layout = grid_layout(3, 8, shape)
    with PIL.Image.open(pairs) as picture:
        gaps = 3 * (layout.tile_width // 2)
        assert picture.size == (layout.width + gaps, layout.height)


@pytest.mark.slow
def test_a_class_missing_from_the_data(data, tmp_path):
    folder, shape, classes = data
    train = functools.partial(
        offline.train, data_dir=folder, system="conditional", iters=1, batch_size=BATCH
    )
    config = train(tmp_path / "one").record()["config"]
    assert config["sample_class"] == str(min(7, classes - 1))
    with pytest.raises(UsageError, match=f"--sample_class={classes}: .* 0 to {classes - 1}"):
        train(tmp_path / "two", sample_class=str(classes))
    rows = train(tmp_path / "all", sample_class="all")
    write_report(ReportConfig(source=str(rows.out)), lambda line: None)
    layout = grid_layout(classes, 10, shape)
    with PIL.Image.open(rows.out / "000.png") as picture:
        assert picture.size == (layout.width, layout.height)


@pytest.fixture(scope="module")
def two_of_ten(tmp_path_factory):
    """Returns a function that trains on images of two labels: 3, a `cat`, and 8, without a name.

    There are ten labels, because the last test image has 9. Only the validation split has 7.
    """
    folder = tmp_path_factory.mktemp("two")
    labels = np.concatenate([np.full(5000, 7), np.tile([3, 8], 12)])
    offline.write_data(folder, ImageShape(6, 5), labels, np.array([3, 8, 3, 3, 9]))
    named = {"classes": {"3": {"name": "cat", "pictures": 12}, "9": {"name": "no\u200bdog"}}}
    (folder / "mnist" / "classes.json").write_text(json.dumps(named))
    return functools.partial(
        offline.train, data_dir=folder, system="conditional", iters=1, batch_size=BATCH, seed=1
    )


def test_a_system_that_draws_its_own_classes_has_them_all(two_of_ten, tmp_path):
    """They are not labels: they have no names, and need no training images of their own."""
    run, lines = two_of_ten(tmp_path / "run", system="infogan"), []
    sampled = {"source": str(run.out), "format": "npz", "n": 12, "seed": 2}
    for said, drawn in (("5", [5] * 12), (None, [*range(10), 0, 1])):
        path = tmp_path / f"{said}.npz"
        sample(SampleConfig(**sampled, sample_class=said, out=str(path)), lines.append)
        with np.load(path) as arrays:
            assert arrays["classes"].tolist() == drawn
    assert "cat" not in "".join(lines)
    assert patient_of(read_record(run.out)).classes == 2
    page = write_report(ReportConfig(source=str(run.out)), lines.append).read_text()
    assert "<dt>Classes</dt><dd>3 (cat), 8 (8)</dd>" in page


@pytest.mark.slow
def test_no_class_without_training_images_is_drawn(two_of_ten, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = two_of_ten(tmp_path / "run")
    record = run.record()
    assert record["config"]["sample_class"] == "8"
    dataset = record["dataset"]
    assert (dataset["num_classes"], dataset["trained_classes"]) == (10, [3, 8])
    names = dataset["class_names"]
    assert (names[3], names[8], names[9]) == ("cat", "8", r"no\u200bdog")
    for wrong in ("7", "9", names[9], "wolf", "10", "03", "-1"):
        with pytest.raises(UsageError, match=r"training images, 3 \(cat\), 8 \(8\), or all$"):
            two_of_ten(tmp_path / "wrong", sample_class=wrong)
    cat = two_of_ten(tmp_path / "cat", sample_class="cat")
    assert cat.record()["config"]["sample_class"] == "3"
    for same in ("cat", "3"):
        again = two_of_ten(tmp_path / "cat", sample_class=same, iters=2)
        assert again.record()["trained"] == 2
    fork(str(run.out), RunConfig(out="fork", iters=2, sample_class="cat"))
    assert json.loads(pathlib.Path("fork/run.json").read_text())["config"]["sample_class"] == "3"
    every = two_of_ten(tmp_path / "all", sample_class="all")
    layout = grid_layout(2, 10, ImageShape(6, 5))
    with PIL.Image.open(every.out / "000.png") as picture:
        assert picture.size == (layout.width, layout.height)
    export(ExportConfig(source=str(run.out), out="model"), [].append)
    for source in (str(run.out), "model"):
        for said, drawn in (("cat", [3] * 5), ("8", [8] * 5), (None, [3, 8, 3, 8, 3])):
            lines = []
            asked = {"format": "npz", "out": "a.npz", "n": 5, "seed": 2, "overwrite": True}
            sample(SampleConfig(source=source, sample_class=said, **asked), lines.append)
            assert ("3 (cat)" in lines[0], "8 (8)" in lines[0]) == (3 in drawn, 8 in drawn)
            with np.load("a.npz") as arrays:
                assert arrays["classes"].tolist() == drawn
        with pytest.raises(UsageError, match=r"--class=7: .* 3 \(cat\), 8 \(8\), or all"):
            sample(SampleConfig(source=source, sample_class="7", out="b.png"), lines.append)
        with Generator.load(source) as generator, pytest.raises(UsageError, match=r"\[7\]: .* 3 "):
            generator(np.zeros((1, 100)), 7)
    found = evaluate(EvaluateConfig(source=str(run.out), n=12), lines.append)
    assert (len(found["class_shares"]), found["trained_classes"]) == (10, 2)
    assert "all 2" in quality_table(found)
    page = write_report(ReportConfig(source=str(run.out)), lines.append).read_text()
    assert "<dt>Classes</dt><dd>3 (cat), 8 (8)</dd>" in page
    assert "Classes covered, of 2" in page
    content = read_sealed(run.out / "run.json")
    for wrong in ({"trained_classes": [8, 3]}, {"trained_classes": []}, {"class_names": ["cat"]}):
        write_sealed(run.out / "run.json", {**content, "dataset": {**dataset, **wrong}})
        with pytest.raises(DamagedRunError, match=f"dataset.{next(iter(wrong))} "):
            read_record(run.out)


@pytest.mark.parametrize("classes", [{0: "0"}, {2: "8"}])
def test_a_number_is_a_label_whatever_classes_are_called(classes):
    names = [classes.get(label, f"name {label}") for label in range(3)]
    told = Classes(3, range(3), names)
    assert [told.label(said) for said in ("0", "1", "name 1", "all")] == [0, 1, 1, None]
    assert told.label("8") is None
    many = all_classes(200)._replace(trained=range(1, 200)).listed()
    assert many.startswith("1, 2, 3, ")
    assert many.endswith(", 12 and 187 more")


def test_a_shape_that_a_system_cannot_have(tmp_path):
    offline.write_data(tmp_path, ImageShape(28, 27), np.arange(5020) % 10, np.arange(10))
    with pytest.raises(UsageError, match=r"--system=conv makes .* multiples of 4, .* 28x27; "):
        offline.train(tmp_path / "out", tmp_path, system="conv", iters=1)


def test_a_run_of_an_earlier_version(twenty_images, tmp_path):
    """Such a run has the published shape and ten classes, and does not say so."""
    given = {"system": "conditional", "seed": 1, "batch_size": 11, "z_dim": 5, "h_dim": 7}
    run = offline.train(tmp_path / "out", twenty_images, iters=2, **given)
    path = run.out / "run.json"
    content = read_sealed(path)
    assert content["dataset"].pop("image_shape") == [28, 28, 1]
    assert content["dataset"].pop("num_classes") == 10
    write_sealed(path, content)
    config = read_record(run.out).config
    assert (config.image_shape, config.num_classes) == ((28, 28, 1), 10)
    again = offline.train(run.out, twenty_images, iters=3)
    assert "continuing at iteration 2 of 3" in again.lines
    with Generator.load(run.out) as generator:
        assert generator(np.zeros((2, 5)), 9).shape == (2, 28, 28)
    for wrong in ([28, 28], [28, 28, 0], "28x28x1", None):
        content["dataset"]["image_shape"] = wrong
        write_sealed(path, content)
        with pytest.raises(DamagedRunError, match=r"image_shape|shape of its images"):
            read_record(run.out)


@pytest.mark.parametrize(
    "shape", [(8, 12, 1), (16, 16, 3), (5, 90, 1), (64, 48, 3), (6, 4, 2), (1, 2, 1), (1, 1, 4)]
)
def test_a_picture_of_any_shape(shape):
    shape = ImageShape(*shape)
    samples = np.random.RandomState(1).uniform(-1, 1, (6, shape.size)).astype(np.float32)
    picture = GridRenderer(2, 3, shape).draw(samples)
    np.testing.assert_array_equal(picture, draw_reference(samples, 2, 3, shape))
    low, high = (of(samples, axis=1, keepdims=True) for of in (np.min, np.max))
    expected = (samples - low) / np.maximum(high - low, 1e-9)
    found = read_tiles(picture, 2, 3, shape)
    assert np.abs(found - expected).max() < 0.12
    assert np.abs(found - expected).mean() < 0.02
    with pytest.raises(ValueError, match="must have the shape"):
        GridRenderer(2, 3, shape).draw(samples[:, :-1])


def test_statistics_of_colours():
    images = np.zeros((2, 2, 3, 3))
    images[:, 0, 0, 1] = 1  # a green corner: one step across and one down, of 18 - 6 and 9 each
    across, down = 1 / (2 * 2 * 3), 1 / (1 * 3 * 3)
    got = roughness(images.reshape(2, -1), ImageShape(2, 3, 3))
    assert got == pytest.approx((across + down) / 2)


def test_the_published_shape_is_in_one_file():
    found = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for token in tokenize.tokenize(
            io.BytesIO(path.read_bytes().replace(b"1 << 28", b"")).readline
        )
        if token.type == tokenize.NUMBER and token.string in ("28", "784")
    }
    assert found == {"shape.py"}
