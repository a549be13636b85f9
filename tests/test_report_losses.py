"""Tests of the losses in a report: the curves, and the ranges that they are judged by."""

from __future__ import annotations

import html
import json

import numpy as np
import pytest
from processes import peak_memory
from reports import embedded, report_of, text_of
from small_run import make_run, write_losses

from vanilla_gan.agreement.published import published_runs
from vanilla_gan.cli import main as cli
from vanilla_gan.report.data import page_data
from vanilla_gan.report.losses import curves, moving_mean, smoothing_window
from vanilla_gan.report.report import write_report
from vanilla_gan.report.settings import ReportConfig
from vanilla_gan.runfolder.losses_csv import LossRows
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.settings import RunConfig


def rows_of(values):
    values = np.asarray(values, np.float64)
    return LossRows(np.arange(len(values)) * 10, values, -values)


def test_few_rows_are_drawn_as_they_are():
    drawn = curves(rows_of([3, 1, 2]), None)
    assert drawn.iterations.tolist() == [0, 10, 20]
    assert drawn.d_loss.raw.tolist() == drawn.d_loss.smooth.tolist() == [3, 1, 2]
    assert (drawn.rows_per_bin, drawn.window, drawn.d_loss.low) == (1, 1, None)


def test_many_rows_keep_the_smallest_and_the_largest_of_each_bin():
    # Bins of three: the largest before the smallest, after it, equal to it; and one row left.
    drawn = curves(rows_of([9, 1, 5, 2, 4, 8, 6, 6, 6, 7]), None, max_points=8)
    assert drawn.rows_per_bin == 3
    assert drawn.iterations.tolist() == [0, 10, 30, 40, 60, 70, 90]
    assert drawn.d_loss.raw.tolist() == [9, 1, 2, 8, 6, 6, 7]
    assert drawn.g_loss.raw.tolist() == [-9, -1, -2, -8, -6, -6, -7]


def test_no_peak_of_a_million_rows_is_lost():
    values = np.random.RandomState(5).uniform(1, 2, 1_000_003)
    values[[123_457, 999_999]] = 77, 0.25
    values[5] = np.nan
    drawn = curves(rows_of(values), None)
    assert len(drawn.iterations) <= 10_000
    assert (np.diff(drawn.iterations) > 0).all()
    assert (drawn.d_loss.raw.max(), drawn.d_loss.raw.min()) == (77, 0.25)
    assert len(drawn.d_loss.smooth) == len(drawn.d_loss.raw) == len(drawn.iterations)


def test_the_mean_is_of_the_rows_there_are():
    values = np.array([1.0, 2, 6, np.nan, 4])
    every = np.arange(5)
    assert moving_mean(values, 3, every).tolist() == [1.5, 3, 4, 5, 4]
    assert moving_mean(values, 99, every).tolist() == [3.25] * 5
    assert np.isnan(moving_mean(np.array([np.inf]), 5, every[:1])).all()
    assert moving_mean(np.zeros(0), 5, every[:0]).tolist() == []
    assert moving_mean(values, 3, np.array([0, 3])).tolist() == [1.5, 5]
    # The loss of a discriminator that is ever more certain.
    small = np.array([2.0] * 50 + [1e-17] * 50)
    np.testing.assert_allclose(moving_mean(small, 5, np.arange(60, 90)), 1e-17)
    assert [smoothing_window(n) for n in (0, 19, 20, 1000, 10_000)] == [1, 1, 5, 21, 201]


def test_memory_of_a_report_hardly_grows_with_the_rows(tmp_path):
    peaks = []
    for rows in (1_000, 300_000):
        folder = make_run(tmp_path / str(rows), iters=rows, pictures=1, log_every=1)
        with peak_memory() as peak:
            write_report(ReportConfig(source=str(folder)), lambda line: None)
            peaks.append(peak())
    # A row is three numbers, 24 bytes; intermediate results take as many again.
    assert peaks[1] - peaks[0] < 60 * 300_000


def test_the_range_of_the_recorded_runs_ends_where_they_end():
    published = published_runs("vanilla", "mnist")
    rows = LossRows(np.array([0, 150, 10_000, 10_100]), np.ones(4), np.ones(4))
    drawn = curves(rows, published.ensemble(RunConfig()))
    seeds = published.d_loss
    high = seeds.max(axis=0)
    between = (high[1] + high[2]) / 2  # 150 lies between the rows for 100 and 200
    np.testing.assert_allclose(drawn.d_loss.high[:3], [high[0], between, high[100]])
    assert drawn.d_loss.low[0] == seeds[:, 0].min()
    assert np.isnan(drawn.d_loss.high[3])
    assert np.isnan(drawn.d_loss.low[3])


def test_what_is_recorded_is_expected(tmp_path):
    """Dark: the range of ten runs. Light: that of their means, widened as in `compare`."""
    published = published_runs("vanilla", "mnist")
    drawn = page_data(report_of(make_run(tmp_path / "run")))["losses"]["d_loss"]
    low, high = published.d_loss[:, :40].min(axis=0), published.d_loss[:, :40].max(axis=0)
    np.testing.assert_allclose([drawn["low"][:40], drawn["high"][:40]], [low, high], rtol=1e-4)
    # The means over iterations 1001 to 2000.
    means = np.log(published.d_loss[:, 11:21]).mean(axis=1)
    margin = 2 * (means.max() - means.min())
    expected = np.exp([[means.min() - margin], [means.max() + margin]])
    wide = np.array([drawn["expected_low"], drawn["expected_high"]])[:, 11:21]
    np.testing.assert_allclose(wide, np.tile(expected, 10), rtol=1e-4)


def test_a_negative_loss_gets_a_linear_axis_and_zero_a_gap(tmp_path):
    folder = make_run(tmp_path / "run")
    write_losses(folder, "0,0,-1", "100,0.5,inf")
    losses = page_data(report_of(folder))["losses"]
    assert losses["d_loss"]["raw"] == [None, 0.5]
    assert losses["g_loss"]["raw"] == [-1, None]
    assert (losses["d_loss"]["logarithmic"], losses["g_loss"]["logarithmic"]) == (True, False)


def test_a_run_without_rows_yet(tmp_path):
    folder = make_run(tmp_path / "run", pictures=1, trained=0)
    write_losses(folder)
    assert report_of(folder).reached == 0
    assert embedded(text_of(folder))["losses"]["iterations"] == []


@pytest.mark.parametrize("is_there", [True, False])
def test_a_fork_is_shown_beside_its_parent(tmp_path, capsys, is_there):
    parent, child = make_run(tmp_path / "parent"), make_run(tmp_path / "child", iters=6001)
    record = read_record(child)
    begun_as = {"path": str(parent), "iteration": 2000, "checkpoint": "5a" * 32, "changes": []}
    # If another run is in the parent's folder by now, nothing of it is shown.
    record.parent = {**begun_as, "run_id": record.run_id if is_there else "f" * 16}
    record.run_id = "a" * 16
    record.save(child)
    write_losses(child, *(f"{it},0.5,1" for it in range(0, 6001, 100)))
    shown = page_data(report_of(child))["losses"]["g_loss"]["parent"]
    assert ("Dashed" in text_of(child)) == is_there
    assert cli.main(["compare", f"--from={child}", "--format=json"]) == 1
    lines = json.loads(capsys.readouterr().out)["parent"]
    cli.main(["compare", f"--from={child}"])
    table = capsys.readouterr().out
    if not is_there:
        assert (shown, lines, "is a fork of" in table) == (None, [], False)
        return
    # The parent has rows up to 4000, with the values 2 + it / 1000.
    assert [k for k, value in enumerate(shown) if value is not None] == list(range(20, 41))
    assert shown[22:39] == pytest.approx([4.2 + k / 10 for k in range(17)])
    assert [line["what"] for line in lines] == ["D loss", "G loss"]
    assert {(line["first"], line["last"]) for line in lines} == {(2000, 4000)}
    assert (lines[1]["ours"], lines[1]["theirs"]) == (1, pytest.approx(5))
    assert "iterations 2000 to 4000, beside the run that this one is a fork of" in table


@pytest.mark.parametrize(
    ("settings", "said", "out"),
    [
        ({}, "Not as expected: ", True),
        ({"dataset": "digits"}, "Not compared with the published program: no runs of ", False),
        ({"h_dim": 64}, "The settings differ: ", True),
    ],
)
def test_the_verdict_at_the_head_is_that_of_compare(tmp_path, capsys, settings, said, out):
    """Pictures of uniform noise do not look like digits."""
    folder = make_run(tmp_path / "run", **settings)
    head = text_of(folder).partition("<main>")[0]
    assert said in html.unescape(head)
    assert ("verdict-line out" in head) == out
    cli.main(["compare", f"--from={folder}", "--format=json"])
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    outside = sum(not verdict["passed"] for verdict in verdicts)
    assert (f"{outside} of {len(verdicts)} numbers" in head) == out
