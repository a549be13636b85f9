"""`--against`: a sweep as the range by which compare, the report and `losses.png` judge."""

from __future__ import annotations

import html
import json
import pathlib

import numpy as np
import pytest
from reports import report_of
from small_run import make_run, samples, without_gain, write_losses

from vanilla_gan.agreement.normal import ensemble_for
from vanilla_gan.agreement.swept import swept_like
from vanilla_gan.cli import main as cli
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.observers.gallery import Gallery
from vanilla_gan.report.data import page_data
from vanilla_gan.report.page import page
from vanilla_gan.runfolder.record import read_record

SEEDS = range(6)


def make(folder: pathlib.Path, seed: int, d_loss: float = 1.0, g_loss=None, **settings):
    """Writes a run of 1001 iterations with these losses throughout, and pictures of its own."""
    run = make_run(folder, seed=seed, iters=1001, pictures=2, **settings)
    write_losses(run, *(f"{it},{d_loss!r},{g_loss or 2 * d_loss!r}" for it in range(0, 1001, 100)))
    for number in range(2):
        GridRenderer().save(run / f"{number:03d}.png", samples(10 * seed + number))
    return run


def make_sweep(folder: pathlib.Path) -> pathlib.Path:
    """Writes a sweep whose losses are 1.1 to the power of the seed, and a log."""
    for seed in SEEDS:
        make(folder / f"seed_{seed}", seed, 1.1**seed)
    (folder / "seed_0.log").write_text("said\n")
    return folder


def compared(capsys, run, sweep, *words) -> tuple[int, dict, str]:
    """Returns the exit status, what was found, and the lines on stderr."""
    status = cli.main(["compare", f"--from={run}", f"--against={sweep}", "--format=json", *words])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else {}, err


@pytest.mark.parametrize(
    ("d_loss", "status", "inside"),
    [
        (1.2, 0, {"D loss": True, "G loss": True}),
        # The range of six seeds is five steps. 4.84 times that on each side is still expected.
        (1.1 ** (5 + 5 * 4.83), 0, {"D loss": True, "G loss": True}),
        (1.1 ** (5 + 5 * 4.85), 1, {"D loss": False, "G loss": False}),
        (1.1 ** (-5 * 4.85), 1, {"D loss": False, "G loss": False}),
    ],
)
def test_a_run_is_judged_by_the_seeds_of_a_sweep(tmp_path, capsys, d_loss, status, inside):
    sweep, run = make_sweep(tmp_path / "sweep"), make(tmp_path / "run", 99, d_loss, loss="log")
    assert compared(capsys, run, sweep)[0] == 3
    run = make(tmp_path / "like", 99, d_loss)
    found, judged, err = compared(capsys, run, sweep)
    assert (found, judged["judged_by"]) == (status, f"6 runs of {sweep}"), err
    assert judged["parts"] == ["statistics", "losses"]
    passed = {
        what: {v["passed"] for v in judged["verdicts"] if v["what"] == what} for what in inside
    }
    assert passed == {what: {value} for what, value in inside.items()}
    # Pictures of noise agree with pictures of noise; no recorded run has such pictures.
    assert all(v["passed"] for v in judged["verdicts"] if not v["what"].endswith("loss"))
    assert (f"does not agree with 6 runs of {sweep}" in err) == bool(status)
    cli.main(["compare", f"--from={run}", f"--against={sweep}"])
    table = capsys.readouterr().out
    assert f"judged by 6 runs of {sweep}" in table
    assert "published" not in table


def test_a_seed_of_the_sweep_is_judged_by_the_others(tmp_path, capsys):
    sweep = make_sweep(tmp_path / "sweep")
    # A run that --overwrite has moved aside is not another seed.
    make(sweep / "seed_2.1", 2, 1e9)
    status, judged, _ = compared(capsys, sweep / "seed_5", sweep)
    assert (status, judged["judged_by"]) == (0, f"5 runs of {sweep}")
    highest = max(v["high"] for v in judged["verdicts"] if v["what"] == "D loss")
    assert highest == pytest.approx(1.1 ** (4 + 4 * 7.8))


def test_a_run_that_stopped_gaining_is_one_of_them(tmp_path):
    sweep = make_sweep(tmp_path / "sweep")
    record = read_record(without_gain(make(tmp_path / "run", 99)))
    for seed in SEEDS:
        without_gain(sweep / f"seed_{seed}")
    assert len(swept_like(record, str(sweep), with_pictures=False).d_loss) == len(SEEDS)
    # Without its last checkpoint a run has iterations left.
    for seed in SEEDS:
        (sweep / f"seed_{seed}" / "checkpoints" / "0000000001").rmdir()
    assert "is not finished" in swept_like(record, str(sweep), with_pictures=False)


def test_losses_of_both_signs(tmp_path, capsys):
    sweep = tmp_path / "sweep"
    for seed in range(5):
        make(sweep / f"seed_{seed}", seed, seed - 2.0, g_loss=-1.0 - seed, loss="wgan")
    # The range is four; 7.8 times that is 31.2.
    for d_loss, g_loss, status in ((33.1, -36.1, 0), (33.3, -1, 1), (0.0, 30.1, 0), (0.0, 30.3, 1)):
        run = make(tmp_path / f"run{d_loss}{g_loss}", 99, d_loss, g_loss=g_loss, loss="wgan")
        assert compared(capsys, run, sweep)[0] == status


@pytest.mark.parametrize(
    ("settings", "of_run", "seeds", "status", "said"),
    [
        ({}, {"h_dim": 64}, 6, 3, "have other settings: --h_dim 128 (this run: 64): not judged"),
        ({}, {"loss": "log"}, 6, 3, "--loss sigmoid_cross_entropy (this run: log)"),
        ({}, {"ema": 0.9}, 6, 3, "--ema left out (this run: 0.9)"),
        ({}, {"dataset": "digits"}, 6, 0, ""),
        ({}, {"log_every": 10, "intra_op_threads": 1, "preset": "published"}, 6, 0, ""),
        ({}, {}, 4, 3, "4 finished runs of these settings with other seeds, but at least 5 are"),
        ({"trained": 500}, {}, 6, 3, "seed_0 is not finished"),
        ({"d_loss": float("nan")}, {}, 6, 3, "seed_0 has losses that are not finite"),
        ({}, {}, 0, 2, "no folder in it holds a run"),
        ({}, {"seed": 0}, 1, 3, "has 0 finished runs of these settings with other seeds"),
        ({}, {}, None, 2, "No such file or directory"),
    ],
)
def test_what_is_not_judged_has_a_reason(tmp_path, capsys, settings, of_run, seeds, status, said):
    of_run = {"seed": 99, **of_run}
    sweep, run = tmp_path / "sweep", make(tmp_path / "run", **of_run)
    if seeds is not None:
        sweep.mkdir()
    for seed in range(seeds or 0):
        make(sweep / f"seed_{seed}", seed, **settings)
    found, judged, err = compared(capsys, run, sweep)
    assert (found, said in err, err.count("\n")) == (status, True, bool(status)), err
    assert judged.get("outcome") == {0: "AGREES", 2: None, 3: "NOT JUDGED"}[status]


def test_damage_in_a_sweep_leaves_a_run_out(tmp_path, capsys):
    sweep, run = make_sweep(tmp_path / "sweep"), make(tmp_path / "run", 99)
    (sweep / "seed_0/run.json").write_text("{")
    status, judged, _ = compared(capsys, run, sweep)
    assert (status, judged["judged_by"]) == (0, f"5 runs of {sweep}")
    (sweep / "seed_3/losses.csv").write_text("nothing")
    status, _, err = compared(capsys, run, sweep)
    assert (status, "seed_0 cannot be read: " in err, "seed_3 cannot be read: " in err) == (3, 1, 1)
    status, _, err = compared(capsys, run, sweep, "--require=traces")
    assert (status, "--require=traces: a sweep has none" in err) == (2, True)


def test_report_and_curves_draw_the_same_range(tmp_path):
    sweep = make_sweep(tmp_path / "sweep")
    run = make(tmp_path / "run", 99, 1e9, against=str(sweep))
    record = read_record(run)
    report = report_of(run, against=str(sweep))
    drawn = page_data(report)["losses"]["d_loss"]
    np.testing.assert_allclose([drawn["low"], drawn["high"]], [[1.0] * 11, [1.1**5] * 11], 1e-4)
    np.testing.assert_allclose(drawn["expected_high"], 1.1 ** (5 + 5 * 4.84), 1e-3)
    text = html.unescape(page(report).decode())
    assert f"Inner band: 6 runs of {sweep}; outer band" in text
    assert "Not as expected: " in text
    assert "published program" not in text.partition("<footer")[0]

    said = []
    Gallery(record, 1, said.append).close()
    with_sweep = (run / "losses.png").read_bytes()
    (sweep / "seed_0/run.json").unlink()
    (sweep / "seed_1/run.json").unlink()
    Gallery(record, 1, said.append).close()
    assert (run / "losses.png").read_bytes() != with_sweep
    assert [
        line.startswith("warning: losses.png shows no range of other runs: ") for line in said
    ] == [True]
    assert isinstance(ensemble_for(record, str(sweep)), str)
