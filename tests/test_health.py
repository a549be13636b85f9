"""The diseases, in rows made by hand and in runs that are really sick; `doctor`, `--stop_on`."""

from __future__ import annotations

import io
import json
import pathlib
import re

import numpy as np
import offline
import pytest
from processes import peak_memory
from small_run import make_run

from vanilla_gan.cli.flags import Flags
from vanilla_gan.cli.main import main
from vanilla_gan.declare import table_of
from vanilla_gan.errors import SickRunError, UsageError
from vanilla_gan.health.diagnosis import diagnosed
from vanilla_gan.health.diseases import DISEASES, Patient
from vanilla_gan.health.doctor import patient_of
from vanilla_gan.health.words import begun
from vanilla_gan.observers import health
from vanilla_gan.runfolder.health_csv import HEADER, NUMBERS, SIGNS, HealthRows, read_health
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.settings import DISEASES as NAMES
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.fork import fork
from vanilla_gan.training.host import Host

HEALTHY = {
    **{"real_right": 0.8, "fake_right": 0.9, "logit_gap": 4.0, "largest_logit": 9.0},
    **{"unseen_gap": 0.1, "d_gradient": 0.5, "g_gradient": 4.0, "d_weights": 20.0},
    **{"diversity": 6.0, "diversity_real": 10.0, "nearest": 3.0, "nearest_real": 7.0},
    **{"ink": 0.12, "ink_real": 0.13, "largest_pixel": 1.0},
}
DOCUMENT = (pathlib.Path(__file__).parents[1] / "docs" / "health.md").read_text(encoding="utf-8")
PATIENT = Patient("sigmoid_cross_entropy", 10)
# What a row is like while a run has the disease.
SICK = {
    "overpowering": [
        {"real_right": 1.0, "fake_right": 0.99, "logit_gap": 30.0},
        {"real_right": 1.0, "fake_right": 0.99, "logit_gap": 18.0, "diversity": 0.9},
    ],
    "collapse": {"diversity": 0.1, "nearest": 0.05},
    "partial_collapse": {"nearest": 0.3},
    "frozen": {"g_gradient": 1e-9},
    "memorising": {"unseen_gap": 1.0},
    "oscillation": [{"fake_right": 0.0}, {"fake_right": 1.0}],
    "numbers": {"d_gradient": np.inf},
    "scale": {"largest_pixel": 255.0},
    "swapped": {"logit_gap": -3.0},
}


def rows(count=60, every=200, sick=(), changes=()):
    """Returns healthy rows; those whose numbers are in `sick` have the `changes`, in turn."""
    changes = changes if isinstance(changes, list) else [changes]
    table = np.full((count, len(NUMBERS)), np.nan)
    for k in range(count):
        row = {**HEALTHY, "g_weights": 20.0 + k, **(changes[k % len(changes)] if k in sick else {})}
        for name, value in row.items():
            table[k, NUMBERS.index(name)] = value
    return HealthRows(np.arange(count) * every, table, [""] * count)


def test_every_disease_can_be_stopped_on():
    assert [disease.name for disease in DISEASES] == list(NAMES)
    assert {*SICK, "one_class"} == set(NAMES)
    for disease in DISEASES:
        assert disease.settings or disease.others or disease.advice
        assert set(disease.numbers) <= set(NUMBERS)
        (row,) = re.findall(rf"^\| `{disease.name}` \|.*$", DOCUMENT, re.MULTILINE)
        assert f"| {disease.span:,} |" in row


@pytest.mark.parametrize("disease", DISEASES, ids=lambda disease: disease.name)
def test_what_is_prescribed_can_be_given(disease):
    """A fork of any system takes the settings; the document's flags exist and take such values."""
    table = table_of(RunConfig)
    for system, of in SYSTEMS.items():
        own = disease.of(PATIENT._replace(without=of.without))
        assert own.settings or own.others or own.advice
        others = [{name: value} for name, value in own.others.items()]
        for settings in (own.settings, own.born_settings, *others):
            config = RunConfig(system=system, **settings).resolved()
            assert all(getattr(config, name) == value for name, value in settings.items())
    assert {table[name].effect for name in disease.settings} <= {"numbers"}
    (row,) = re.findall(rf"^\| `{disease.name}` \|.*$", DOCUMENT, re.MULTILINE)
    for name, value in re.findall(r"--(\w+)(?: ([\w.]+))?", row):
        words = [f"--{name}"] if table[name].kind is bool else [f"--{name}", value]
        RunConfig(**Flags(RunConfig).parse(words))
    # The document lists all that is prescribed, unless it refers to an earlier row.
    if "the same" not in row:
        for name, value in disease.settings.items():
            assert f"--{name} {value}" in row


def test_nothing_is_said_of_healthy_rows():
    assert diagnosed(rows(), PATIENT) == []
    assert diagnosed(rows(0), PATIENT) == []


@pytest.mark.parametrize("name", SICK)
def test_a_disease_is_named_with_its_beginning_and_its_end(name):
    (disease,) = (each for each in DISEASES if each.name == name)
    episodes = diagnosed(rows(sick=range(20, 40), changes=SICK[name]), PATIENT)
    named = {each.disease.name: each for each in episodes}
    # If all samples are the same, each has a near twin, too.
    assert named.keys() == {name} | ({"partial_collapse"} if name == "collapse" else set())
    found = named[name]
    # The first swing is the one away from the last healthy row.
    assert found.since == 4000
    assert 4000 < found.named <= 4000 + disease.span
    assert found.named < found.ended <= 8000 + disease.span
    line = begun(found)
    assert all(f"{sign} {found.numbers[sign]:.3g}" in line for sign in disease.numbers)


@pytest.mark.parametrize("name", SICK)
def test_no_single_row_makes_a_disease(name):
    assert diagnosed(rows(sick=[20], changes=SICK[name]), PATIENT) == []


def test_a_run_that_swings_between_both_collapses_has_the_partial_one():
    swings = [SICK["collapse"], SICK["partial_collapse"]]
    (found,) = diagnosed(rows(sick=range(20, 60), changes=swings), PATIENT)
    assert (found.disease.name, found.since) == ("partial_collapse", 4000)


@pytest.mark.parametrize(
    ("name", "tried"),
    [("collapse", ""), ("partial_collapse", ""), ("numbers", "try --spectral_norm in a new run, ")],
)
def test_what_a_run_is_born_with_needs_another_start(name, tried):
    def told_from(first, changes):
        changes = {**SICK[name], **changes}
        episodes = diagnosed(rows(sick=range(first, 60), changes=changes), PATIENT)
        (found,) = (each for each in episodes if each.disease.name == name)
        return found, begun(found)

    constant = {"diversity": 0.0}
    found, line = told_from(0, constant)
    assert line.endswith(f"; {tried}{found.disease.born}")
    assert found.settings == found.disease.born_settings
    # What comes later is due to training; some generators begin with samples that differ little.
    for first, changes in [(1, constant)] + [(0, {})] * (name != "numbers"):
        found, line = told_from(first, changes)
        assert found.disease.born not in line
        assert found.settings == found.disease.settings
        assert all(f"--{name} {value}" in line for name, value in found.settings.items())


@pytest.mark.parametrize("name", ["collapse", "partial_collapse"])
def test_samples_that_differed_at_first_are_not_of_a_constant_generator(name):
    """Those of `conv` begin at 3% of the images' distance; they become identical only later."""
    sick = rows(sick=range(60), changes={"diversity": 0.0, "nearest": 0.0})
    for sign, value in (("diversity", 0.3), ("nearest", 0.2)):
        sick.numbers[0, NUMBERS.index(sign)] = value
    (found,) = (each for each in diagnosed(sick, PATIENT) if each.disease.name == name)
    assert (found.since, found.numbers["diversity"]) == (0, 0.0)
    assert found.disease.born not in begun(found)
    assert found.settings == found.disease.settings


def test_nothing_is_prescribed_that_the_system_does_without():
    acgan = PATIENT._replace(without=SYSTEMS["acgan"].without)
    for name, said in (
        ("memorising", "give it more images"),
        ("numbers", "make the initial weights"),
    ):
        sick = rows(sick=range(60), changes=SICK[name])
        (found,) = diagnosed(sick, acgan)
        assert dict(found.settings) == {}
        assert f"; {said}" in begun(found)
        (found,) = diagnosed(sick, PATIENT)
        assert "; try --" in begun(found)
    for changes in SICK.values():
        for found in diagnosed(rows(sick=range(60), changes=changes), acgan):
            assert not any(f"--{name}" in begun(found) for name in acgan.without)


@pytest.mark.parametrize(
    ("settings", "rates", "beta1"),
    [
        ({}, (0.0002, 0.0002), 0.5),
        ({"system": "conv"}, (2e-5, 2e-5), 0.5),
        # In floating point a fifth of it is 5.9999999999999995e-05.
        ({"learning_rate": 0.0003}, (6e-5, 6e-5), 0.5),
        ({"D_learning_rate": 0.01, "G_learning_rate": 0.0005}, (0.0002, 0.0001), 0.5),
        ({"preset": "stable"}, (0.0001, 0.0001), 0.0),
        ({"optimizer": "sgd"}, (0.0002, 0.0002), 0.0),
    ],
)
def test_what_should_slow_a_run_down_does(tmp_path, settings, rates, beta1):
    patient = patient_of(read_record(make_run(tmp_path / "run", pictures=0, **settings)))
    for name in ("oscillation", "numbers"):
        tried = dict(next(each for each in DISEASES if each.name == name).of(patient).settings)
        expected = {"D_learning_rate": rates[0], "G_learning_rate": rates[1]}
        assert {name: tried[name] for name in expected} == expected
        assert tried.get("beta1", beta1) == beta1


@pytest.mark.parametrize(
    ("settings", "name", "tried"),
    [
        ({}, "frozen", {}),
        ({"loss": "minimax"}, "frozen", {"loss": "sigmoid_cross_entropy"}),
        ({"G_learning_rate": 1e-6}, "frozen", {"G_learning_rate": 0.001}),
        # Its rate is 0.1.
        ({"system": "goodfellow2014"}, "frozen", {}),
        ({"preset": "stable"}, "overpowering", {}),
        ({"preset": "stable", "r2": 1.0}, "overpowering", {"r2": 0.3}),
        ({"D_noise": 0.5}, "memorising", {}),
    ],
)
def test_what_a_run_has_is_not_prescribed(tmp_path, settings, name, tried):
    out = make_run(tmp_path / "run", pictures=0, **settings)
    record = read_record(out)
    (found,) = diagnosed(rows(sick=range(60), changes=SICK[name]), patient_of(record))
    assert found.settings == tried
    words = begun(found).partition("; ")[2]
    assert re.findall(r"--(\w+) ([\w.]+)", words)[: len(tried)] == [
        (setting, str(value)) for setting, value in tried.items()
    ]
    assert words
    # The state of a fork may come from a parent that had none of these settings.
    record.parent = {"path": str(out), "run_id": "1", "iteration": 0, "changes": []}
    (found,) = diagnosed(rows(sick=range(60), changes=SICK[name]), patient_of(record))
    (disease,) = (each for each in DISEASES if each.name == name)
    assert found.settings == disease.settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": "stable"}, "try --D_noise 0.1; or --spectral_norm in a new run"),
        (
            {"D_noise": 0.3},
            "try --loss relativistic --r1 0.3 --r2 0.3 or --spectral_norm in a new run",
        ),
        (
            {"preset": "stable", "D_noise": 0.1, "spectral_norm": True},
            "the run already has what usually helps",
        ),
    ],
)
def test_what_it_has_is_not_advised(tmp_path, settings, said):
    record = read_record(make_run(tmp_path / "run", pictures=0, **settings))
    sick = rows(sick=range(60), changes=SICK["overpowering"])
    (found,) = diagnosed(sick, patient_of(record))
    assert begun(found).endswith(f"; {said}")


def test_the_gap_of_a_wasserstein_critic_is_no_disease():
    sick = rows(sick=range(60), changes=SICK["overpowering"])
    assert [each.disease.name for each in diagnosed(sick, PATIENT)] == ["overpowering"]
    assert diagnosed(sick, Patient("wgan", 10)) == []


def test_weights_that_do_not_change_show_a_frozen_generator():
    (found,) = diagnosed(rows(sick=range(60), changes={"g_weights": 20.0}), PATIENT)
    assert (found.disease.name, found.ended) == ("frozen", None)


def test_one_class_and_the_logarithm_are_known_from_the_run():
    (found,) = diagnosed(rows(), Patient("sigmoid_cross_entropy", 1))
    assert (found.disease.name, found.since, found.ended) == ("one_class", 0, None)
    large = rows(sick=range(60), changes={"largest_logit": 13.0})
    assert [each.disease.name for each in diagnosed(large, Patient("log", 10))] == ["numbers"]
    assert diagnosed(large, PATIENT) == []


def test_memory_of_empty_rows(tmp_path):
    peaks = []
    for count in (1_000, 41_000):
        lines = "".join(f"{it}{',' * (len(NUMBERS) + 1)}\n" for it in range(count))
        (tmp_path / "health.csv").write_text(HEADER + lines)
        with peak_memory() as peak:
            assert len(read_health(tmp_path / "health.csv").iteration) == count
            peaks.append(peak())
    # In memory a row is that many numbers of 8 bytes; in the file it has at most 27 bytes.
    assert peaks[1] - peaks[0] < 1.6 * 8 * (len(NUMBERS) + 2) * 40_000


def test_what_was_named_stays_named():
    """A run names a disease from the rows so far; the doctor, who has them all, says the same."""
    sick = [*range(5, 20), *range(30, 48)]
    whole = rows(sick=sick, changes=SICK["collapse"])
    assert len(diagnosed(whole, PATIENT)) == 4
    for n in range(1, 61):
        part = HealthRows(*(column[:n] for column in whole))
        expected = [
            each for each in diagnosed(whole, PATIENT) if each.named <= whole.iteration[n - 1]
        ]
        last = whole.iteration[n - 1]
        for one, other in zip(diagnosed(part, PATIENT), expected, strict=True):
            until = None if other.ended is None or other.ended > last else other.ended
            assert one == other._replace(ended=until)


@pytest.mark.parametrize("name", SICK)
def test_rows_with_only_pictures_change_nothing(name):
    sick = rows(sick=range(20, 40), changes=SICK[name])
    pictures = HealthRows(
        (sick.iteration[:, None] + [20, 40, 60]).ravel(),
        np.where(np.arange(len(NUMBERS)) < len(SIGNS), np.nan, 0.5) * np.ones((180, 1)),
        [""] * 180,
    )
    order = np.argsort(np.concatenate([sick.iteration, pictures.iteration]))
    mixed = HealthRows(
        *(np.concatenate([one, other])[order] for one, other in zip(sick, pictures, strict=True))
    )
    assert diagnosed(mixed, PATIENT) == diagnosed(sick, PATIENT)


@pytest.mark.parametrize("more", [{"stop_on": "collapse"}, {"watch_classes": True}])
def test_what_needs_signs_says_so(more):
    with pytest.raises(UsageError, match="health_every"):
        RunConfig(health_every=0, **more).resolved()


TIMES = {"iters": 301, "sample_every": 100, "health_every": 50, "checkpoint_every": 100, "seed": 1}
SIZES = {"h_dim": 16, "z_dim": 5, "batch_size": 20, "device": "cpu"}


def short_spans(monkeypatch):
    """Has every disease named within 100 iterations."""
    from vanilla_gan.health import diagnosis

    short = tuple(disease._replace(span=100) for disease in DISEASES)
    monkeypatch.setattr(diagnosis, "DISEASES", short)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("frozen", {"G_learning_rate": 1e-30}),
        pytest.param("collapse", {"init_weights": "still"}, marks=pytest.mark.slow),
        pytest.param("numbers", {"init_weights": "sure"}, marks=pytest.mark.slow),
    ],
)
def test_a_sick_run_is_named(offline_data_dir, tmp_path, monkeypatch, name, settings):
    short_spans(monkeypatch)
    if "init_weights" in settings:
        shapes = offline.listed_shapes(h_dim=16, z_dim=5)
        weights = offline.initial_weights(0, shapes)
        if settings["init_weights"] == "still":
            weights["G_W1"] *= 0
        else:
            weights["D_W2"] *= 1e6
        np.savez(tmp_path / "weights.npz", **weights)
        settings = {"init_weights": str(tmp_path / "weights.npz")}
    run = offline.train(tmp_path / "out", offline_data_dir, **TIMES, **SIZES, **settings)
    rows = read_health(run.out / "health.csv")
    assert name in {each.disease.name for each in diagnosed(rows, PATIENT)}
    assert any(f"({name})" in line for line in run.lines)
    assert not run.stdout.count("health")


def test_stop_on_saves_and_goes_on_when_told(offline_data_dir, tmp_path, monkeypatch, capsys):
    short_spans(monkeypatch)
    settings = {**TIMES, **SIZES, "G_learning_rate": 1e-30}
    out = tmp_path / "out"
    with pytest.raises(SickRunError, match="frozen") as stopped:
        offline.train(out, offline_data_dir, **settings, stop_on="swapped,frozen")
    assert stopped.value.exit_status == 1
    told = json.loads(doctor(capsys, out, "--format", "json"))
    (found,) = (each for each in told["diseases"] if each["name"] == "frozen")
    assert found["ended"] is None
    assert not told["healthy"]
    # Saved after the row that showed it: nothing is trained twice.
    newest = max(int(path.name) for path in (out / "checkpoints").iterdir())
    assert found["named"] < newest <= found["named"] + 50
    again = offline.train(out, offline_data_dir, **settings, stop_on="none")
    assert f"continuing at iteration {newest} of 301" in again.lines
    assert not any("(frozen)" in line for line in again.lines)
    whole = offline.train(tmp_path / "whole", offline_data_dir, **settings)
    assert (out / "losses.csv").read_bytes() == (whole.out / "losses.csv").read_bytes()
    assert (out / "health.csv").read_bytes() == (whole.out / "health.csv").read_bytes()
    # A fork with other settings is not stopped for what its parent had.
    sick = tmp_path / "sick"
    with pytest.raises(SickRunError):
        offline.train(sick, offline_data_dir, **settings, stop_on="frozen")
    other = RunConfig(out=str(tmp_path / "other"), G_learning_rate=0.001)
    lines = []
    fork(str(sick), other, Host(stdout=io.StringIO(), inform=lines.append))
    assert read_record(other.out_dir).trained == 301, lines
    # The doctor says what was said during training.
    said = [line for line in whole.lines if line.startswith("health: ")]
    assert doctor(capsys, out).splitlines()[:-1] == said


@pytest.mark.slow
def test_many_rows_are_judged_now_and_then(offline_data_dir, tmp_path, monkeypatch):
    """Even if some rows have only a picture; a continued run stops where an unbroken one does."""
    short_spans(monkeypatch)
    monkeypatch.setattr(health, "OFTEN", 4)
    settings = {**TIMES, **SIZES, "health_every": 10, "sample_every": 4, "G_learning_rate": 1e-30}
    ends = []
    for name, first in (("whole", None), ("halves", 61)):
        if first is not None:
            offline.train(tmp_path / name, offline_data_dir, **{**settings, "iters": first})
        with pytest.raises(SickRunError, match="frozen"):
            offline.train(tmp_path / name, offline_data_dir, **settings, stop_on="frozen")
        ends.append(max(int(p.name) for p in (tmp_path / name / "checkpoints").iterdir()))
    assert ends[0] == ends[1]


def test_the_doctor_on_a_healthy_run_and_without_one(trained_run, tmp_path, capsys):
    assert "no sign of disease" in doctor(capsys, trained_run("vanilla"))
    assert json.loads(doctor(capsys, trained_run("layers"), "--format=json"))["diseases"] == []
    for folder in (tmp_path, tmp_path / "none"):
        assert main(["doctor", "--from", str(folder)]) == 2
        assert "there is no run" in capsys.readouterr().err


def doctor(capsys, out, *flags):
    """Returns what `./run.sh doctor` prints."""
    capsys.readouterr()
    assert main(["doctor", "--from", str(out), *flags]) == 0
    return capsys.readouterr().out
