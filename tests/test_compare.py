"""Tests of `./run.sh compare`: faithful runs agree, wrong programs do not, and what users see.

The wrong programs are really trained, on MNIST, until their mistake shows: mostly within 1000
iterations, a few seconds.
"""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import PIL.Image
import pytest
from offline import train
from wrong_programs import WRONG

from vanilla_gan.agreement.compare import compare
from vanilla_gan.agreement.comparison import as_dict
from vanilla_gan.agreement.normal import different_settings
from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.agreement.table import agreement_table
from vanilla_gan.cli import main as cli
from vanilla_gan.settings import RunConfig

# A wrong setting and wrong initial weights; the others are slow.
FAST = ("learning rate x10", "xavier x3")
# How many iterations each is trained; 501 for those not listed.
ITERS = {
    "xavier x3": 1,
    "xavier_normal x3": 1,
    "xavier_normal /3": 1,
    "fan_out": 1,
    "sorted by label": 1001,
    "learning rate /2": 1001,
    "learning rate /3": 1001,
    "learning rate /10": 3001,
    "the same batch for ever": 5001,
}


def trained(out, data_dir, patch=lambda monkeypatch: None, **settings):
    """Trains with a patch of the package; returns the run's folder."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        patch(monkeypatch)
        train(out, data_dir, allow_unverified_data=False, **{"seed": 7, **settings})
    return out


@pytest.fixture(scope="module")
def faithful(real_data_dir, tmp_path_factory):
    """Returns the folder of a run with default settings; not to be written to."""
    return trained(tmp_path_factory.mktemp("faithful") / "out", real_data_dir, iters=1001)


def found_by(*words, capsys):
    """Returns the exit status, standard output and standard error of the command."""
    status = cli.main(["compare", *map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def copy_of(run, tmp_path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(run, tmp_path / "copy"))


# --- Faithful runs.


def test_a_faithful_run_agrees(faithful, capsys):
    status, text, err = found_by("--from", faithful, capsys=capsys)
    assert (status, err) == (0, "")
    lines = text.splitlines()
    # Two facts; at 0 and 1000 four statistics and two losses each, at 300 and 500 two.
    assert lines[-1] == "AGREES: 18 of 18 verdicts pass"
    assert lines[0] == f"{faithful}: vanilla on mnist, seed 7"
    assert lines[1].startswith("not as published: --init xavier (published: xavier_normal; ")
    assert sum(line.endswith("PASS") for line in lines) == 16
    assert all(len(line) <= 100 for line in lines[4:])


def test_json_says_the_same(faithful, capsys):
    status, text, _ = found_by("--from", faithful, "--format", "json", capsys=capsys)
    found = json.loads(text)
    assert status == 0
    assert (found["agrees"], found["judged"], found["failed"]) == (True, 18, 0)
    assert [fact["passed"] for fact in found["facts"]] == [True, True, None]
    assert {verdict["iteration"] for verdict in found["verdicts"]} == {0, 300, 500, 1000}
    for verdict in found["verdicts"]:
        assert verdict["passed"] == (verdict["low"] <= verdict["value"] <= verdict["high"])
    assert agreement_table(found).endswith("18 of 18 verdicts pass")
    # Even a range of long numbers is separated from its verdict.
    found["verdicts"][0] |= {"low": -12345.6, "high": -12344.5}
    assert " -1.234e+04 PASS\n" in agreement_table(found)


def test_settings_that_differ_are_as_flags_take_them():
    said = different_settings(RunConfig(system="vanilla", preset="stable", seed=0).resolved())
    assert "--h_dim 512,512 (published: 128)" in said
    assert "--beta1 0.0 (published: left out)" in said
    said = different_settings(RunConfig(system="wgan", preset="stable", seed=0).resolved())
    assert "--clip_weights left out (published: 0.01)" in said


def test_the_normal_form_agrees_too(real_data_dir, tmp_path):
    run = trained(tmp_path / "out", real_data_dir, iters=1, init="xavier_normal")
    found = compare(CompareConfig(source=str(run)))
    assert (found.failed, found.settings, found.notes) == (0, [], [])
    assert {verdict.iteration for verdict in found.verdicts} == {0}
    # Its noise is rougher than that of `--init xavier`.
    (roughness,) = (verdict for verdict in found.verdicts if verdict.what == "roughness")
    assert 0.21 < roughness.low < roughness.value < roughness.high < 0.28


@pytest.mark.slow
def test_a_whole_faithful_run_agrees(real_data_dir, tmp_path):
    run = trained(tmp_path / "out", real_data_dir, iters=10_001, log_every=50)
    found = compare(CompareConfig(source=str(run)))
    assert found.judged == 2 + 4 * 11 + 2 * 13
    assert [verdict for verdict in found.verdicts if not verdict.passed] == []


# --- Wrong programs.


@pytest.mark.parametrize(
    "name", [*FAST, *(pytest.param(n, marks=pytest.mark.slow) for n in WRONG if n not in FAST)]
)
def test_a_wrong_program_is_caught(real_data_dir, tmp_path, name, capsys):
    wrong = WRONG[name]
    iters = ITERS.get(name, 501)
    run = trained(tmp_path / "out", real_data_dir, wrong.patch, iters=iters, **wrong.settings)
    status, text, err = found_by("--from", run, capsys=capsys)
    assert status == 1
    assert "FAIL" in text
    assert err.startswith(f"run.sh: {run} does not agree with what was published: ")
    # It is caught by its training, not by how its pictures are drawn.
    assert compare(CompareConfig(source=str(run))).facts[0].passed


def test_other_pictures_and_losses_are_caught(faithful, tmp_path):
    run = copy_of(faithful, tmp_path)
    pixels = np.asarray(PIL.Image.open(run / "001.png"))
    PIL.Image.fromarray(np.roll(pixels, 1, axis=0)).save(run / "001.png")
    found = as_dict(compare(CompareConfig(source=str(run))))
    assert [fact["passed"] for fact in found["facts"]] == [True, False, None]
    assert found["facts"][1]["note"].startswith("001.png: row ")
    PIL.Image.fromarray(pixels[:-8]).save(run / "001.png")
    found = as_dict(compare(CompareConfig(source=str(run))))
    assert [fact["passed"] for fact in found["facts"]] == [False, True, None]
    assert "expected 330x337" in agreement_table(found)
    rows = (run / "losses.csv").read_text().splitlines()
    it, d_loss, g_loss = rows[4].split(",")
    rows[4] = f"{it},{d_loss},{float(g_loss) * 1000}"
    (run / "losses.csv").write_text("\n".join(rows) + "\n")
    found = as_dict(compare(CompareConfig(source=str(run))))
    failed = [(v["what"], v["iteration"]) for v in found["verdicts"] if not v["passed"]]
    assert ("G loss", 500) in failed


# --- Recorded losses.


@pytest.mark.slow
def test_recorded_losses_of_a_run_that_began_alike(offline_data_dir, offline_weights, tmp_path):
    settings = {"init_weights": str(offline_weights), "seed": 0, "sample_every": 100}
    right = train(tmp_path / "right", offline_data_dir, iters=101, log_every=1, **settings).out
    found = compare(CompareConfig(source=str(right)))
    assert [verdict.iteration for verdict in found.verdicts] == [10, 50, 100]
    assert (found.judged, found.failed) == (5, 0)
    assert [fact.what for fact in found.facts] == ["picture size", "tile positions"]
    # Rows every 100 iterations: fewer, but from the same recording.
    few = train(tmp_path / "few", offline_data_dir, iters=101, **settings).out
    assert compare(CompareConfig(source=str(few))).failed == 0
    wrong = train(
        tmp_path / "wrong", offline_data_dir, iters=101, learning_rate=1.1e-3, **settings
    ).out
    found = compare(CompareConfig(source=str(wrong)))
    assert [verdict.iteration for verdict in found.verdicts if not verdict.passed] == [10, 100]


@pytest.mark.parametrize("system", ["layers", "conditional"])
def test_systems_without_recorded_statistics(trained_run, system, capsys):
    """Pictures of the right size say nothing about what was trained."""
    status, text, err = found_by("--from", trained_run(system), capsys=capsys)
    assert (status, err.count("\n")) == (3, 1)
    assert f"note: no runs of {system} on mnist were recorded" in text
    assert f"no runs of {system} on mnist were recorded" in err
    assert text.splitlines()[-1].startswith("NOT JUDGED")
    found = as_dict(compare(CompareConfig(source=str(trained_run(system)))))
    assert (found["outcome"], found["agrees"], found["failed"]) == ("NOT JUDGED", False, 0)


@pytest.mark.parametrize(
    ("required", "status", "missing"),
    [("statistics,losses", 0, []), ("traces", 3, ["traces"]), ("losses,traces", 3, ["traces"])],
)
def test_what_must_be_judged(faithful, capsys, required, status, missing):
    """The run drew its own weights, so no recorded run began with the same."""
    found, text, err = found_by(
        "--from", faithful, "--require", required, "--format=json", capsys=capsys
    )
    judged = json.loads(text)
    assert (found, judged["missing"]) == (status, missing)
    assert judged["parts"] == ["statistics", "losses"]
    assert ("traces" in err) == bool(missing)


def test_a_run_that_fails_is_not_unjudged(faithful, tmp_path, capsys):
    """A part that is missing does not hide that another one disagrees."""
    run = copy_of(faithful, tmp_path)
    rows = (run / "losses.csv").read_text().splitlines()
    (run / "losses.csv").write_text(
        "\n".join([rows[0], *(f"{r.split(',')[0]},9,9" for r in rows[1:])])
    )
    status, text, _ = found_by("--from", run, "--require=traces", capsys=capsys)
    assert status == 1
    assert text.splitlines()[-1].startswith("DISAGREES")


def test_other_data_by_the_same_name(trained_run):
    found = compare(CompareConfig(source=str(trained_run("vanilla"))))
    assert found.verdicts == []
    assert found.notes == ["its mnist is not the published data: its statistics are not judged"]


# --- The post's own pictures.


def test_the_posts_own_pictures(faithful, reference_dir, capsys):
    gif = reference_dir / "published_training.gif"
    status, text, _ = found_by("--from", faithful, "--published_gif", gif, capsys=capsys)
    assert status == 0
    assert "The post's own pictures, 44 of 44 numbers within the spread" in text
    found = as_dict(compare(CompareConfig(source=str(faithful), published_gif=str(gif))))
    assert len(found["post"]) == 44
    assert [line["iteration"] for line in found["post"] if line["ours"] is not None] == [
        *[0] * 4,
        *[1000] * 4,
    ]


# --- What users can do wrong.


def test_no_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, text, err = found_by("--from", "nowhere", capsys=capsys)
    assert (status, text, err.count("\n")) == (2, "", 1)
    assert "--from=nowhere: there is no run (run.json is missing)" in err


def test_an_unreadable_figure(faithful, capsys):
    status, text, err = found_by("--from", faithful, "--published_gif", "no.gif", capsys=capsys)
    assert (status, text, err.count("\n")) == (1, "", 1)
    assert "no.gif: No such file or directory; expected the path or URL" in err


@pytest.mark.parametrize(("d_loss", "g_loss"), [("nan", "1"), ("0.5", "inf"), ("-inf", "nan")])
def test_losses_that_are_not_finite_never_agree(faithful, tmp_path, capsys, d_loss, g_loss):
    run = copy_of(faithful, tmp_path)
    rows = (run / "losses.csv").read_text().splitlines()
    (run / "losses.csv").write_text("\n".join([*rows[:-1], f"1000,{d_loss},{g_loss}"]) + "\n")
    status, text, err = found_by("--from", run, capsys=capsys)
    assert (status, err.count("\n")) == (1, 1)
    assert f"finite losses    FAIL  iteration 1000: D loss {d_loss}, G_loss {g_loss}" in text
    assert text.splitlines()[-1].startswith("DISAGREES")
    status, text, _ = found_by("--from", run, "--format", "json", capsys=capsys)
    assert (status, json.loads(text)["agrees"]) == (1, False)


def test_runs_that_lack_something(faithful, tmp_path, capsys):
    run = copy_of(faithful, tmp_path)
    (run / "001.png").write_bytes(b"no picture")
    status, _, err = found_by("--from", run, capsys=capsys)
    assert (status, err.count("\n")) == (1, 1)
    assert "001.png cannot be read" in err
    # Missing pictures are not judged; the losses still are.
    for picture in run.glob("*.png"):
        picture.unlink()
    status, text, _ = found_by("--from", run, capsys=capsys)
    assert (status, text.splitlines()[-1]) == (0, "AGREES: 8 of 8 verdicts pass")
    assert "picture size     -     the run has no pictures" in text
    (run / "losses.csv").write_text("iteration,d_loss,g_loss\n")
    status, _, err = found_by("--from", run, capsys=capsys)
    assert (status, err.count("\n")) == (2, 1)
    assert "holds a run that has no pictures and losses yet" in err
    (run / "losses.csv").unlink()
    status, _, err = found_by("--from", run, capsys=capsys)
    assert (status, err.count("\n")) == (1, 1)
    assert "losses.csv" in err
