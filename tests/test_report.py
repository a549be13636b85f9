"""Tests of `./run.sh report`: what it gathers of a run, and its failures in one line."""

from __future__ import annotations

import base64
import datetime
import hashlib
import html
import io
import json
import re
import shlex

import matplotlib
import numpy as np
import offline
import PIL.Image
import pytest
from one_line import failure, success
from processes import peak_memory
from serving import served
from small_run import STARTED_S, make_run, samples

from vanilla_gan.agreement.published import published_runs
from vanilla_gan.agreement.statistics import picture_statistics
from vanilla_gan.cli import main as cli
from vanilla_gan.cli.commands import COMMANDS
from vanilla_gan.errors import DivergedError
from vanilla_gan.observers.report import ReportObserver
from vanilla_gan.report.contents import gather, seconds_between_pictures
from vanilla_gan.report.data import page_data
from vanilla_gan.report.facts import command_line
from vanilla_gan.report.losses import curves, moving_mean, smoothing_window
from vanilla_gan.report.page import page
from vanilla_gan.report.pictures import Shelf, SmallPicture, sheet_png, spread_out
from vanilla_gan.report.report import write_report
from vanilla_gan.report.settings import ReportConfig
from vanilla_gan.runfolder.health_csv import SIGNS, HealthCsv
from vanilla_gan.runfolder.losses_csv import LossRows
from vanilla_gan.runfolder.quality_json import Evaluation, add_evaluation
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS


def report_of(folder, shelf=None, **more):
    record = read_record(folder)
    return gather(folder, record, shelf or Shelf(*record.config.picture_tiles), **more)


def embedded(html, name):
    """Returns the JSON of the script element `name` in a page."""
    found = re.search(
        f'<script type="application/json" id="{name}">(.*?)</script>', html, re.DOTALL
    )
    return json.loads(found.group(1))


def gif(path, frames=3, size=(330, 337)):
    pictures = [PIL.Image.new("L", size, 40 * k) for k in range(frames)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=750)
    return path


# What is gathered


def test_a_report_says_what_the_files_say(tmp_path):
    report = report_of(make_run(tmp_path / "run", trained=0, iters=6001))
    assert report.iterations() == [0, 1000, 2000, 3000, 4000]
    assert report.reached == 6001  # the last row of losses.csv is of iteration 6000
    last = datetime.datetime.fromtimestamp(STARTED_S + 20, datetime.timezone.utc)
    assert report.state == last
    assert seconds_between_pictures(report) == 5
    assert report.quality == []
    assert report.warnings == []


def test_how_far_a_run_is_comes_from_whatever_is_furthest(tmp_path):
    folder = make_run(tmp_path / "run", trained=0, iters=99999)
    header, *rows = (folder / "losses.csv").read_text().splitlines(keepends=True)
    (folder / "losses.csv").write_text(header + "".join(rows[:12]))  # up to iteration 1100
    assert report_of(folder).reached == 4000
    assert report_of(folder, reached=4567).reached == 4567


def test_times_that_do_not_ascend_are_not_told(tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / "001.png").write_bytes((folder / "001.png").read_bytes())
    assert seconds_between_pictures(report_of(folder)) is None


def test_small_pictures_are_the_samples_in_the_greys_of_the_picture(tmp_path):
    folder = make_run(tmp_path / "run", pictures=2)
    picture = report_of(folder).pictures[1]
    sheet = np.asarray(PIL.Image.open(io.BytesIO(picture.png)))
    assert (sheet.shape, sheet.dtype) == ((112, 112), np.uint8)
    drawn = samples(1)
    low, high = drawn.min(axis=1, keepdims=True), drawn.max(axis=1, keepdims=True)
    scaled = (drawn - low) / (high - low)
    # Row 1 and column 2 of the sheet hold sample 6, in the map's own greys.
    greys = matplotlib.colormaps["Greys_r"](scaled[6].reshape(28, 28), bytes=True)[..., 0]
    assert np.abs(sheet[28:56, 56:84].astype(int) - greys.astype(int)).mean() < 3
    np.testing.assert_allclose(picture.statistics, picture_statistics(scaled), rtol=0.02)


def test_pictures_are_read_again_only_when_they_changed(tmp_path, monkeypatch):
    folder = make_run(tmp_path / "run", pictures=3)
    shelf = Shelf()
    before, _ = shelf.pictures(folder)
    (folder / "001.png").write_bytes((folder / "002.png").read_bytes())
    (folder / "002.png").unlink()
    after, _ = shelf.pictures(folder)
    assert after[0] is before[0]
    assert len(after) == 2
    assert after[1].png == before[2].png


def test_too_many_pictures_are_thinned_evenly(tmp_path):
    folder = make_run(tmp_path / "run", pictures=8)
    shelf = Shelf()
    every, _ = shelf.pictures(folder)
    some, _ = shelf.pictures(folder, max_pictures=5)
    assert [picture.number for picture in some] == [0, 2, 4, 6, 7]
    few, _ = shelf.pictures(folder, max_bytes=sum(len(picture.png) for picture in every) - 1)
    assert [picture.number for picture in few] == [0, 3, 6, 7]


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (1, 2, [0]),
        (2, 2, [0, 1]),
        (3, 2, [0, 2]),
        (7, 4, [0, 2, 4, 6]),
        (8, 4, [0, 3, 6, 7]),
        (8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_numbers_are_spread_out(count, most, expected):
    assert spread_out(range(count), most) == expected


def test_a_damaged_picture_is_left_out_and_told(tmp_path):
    folder = make_run(tmp_path / "run", pictures=3)
    (folder / "001.png").write_bytes(b"no picture")
    PIL.Image.new("RGB", (5, 7)).save(folder / "002.png")
    report = report_of(folder)
    assert report.iterations() == [0]
    assert str(folder / "001.png") in report.warnings[0]
    assert "002.png is not a picture of this run" in report.warnings[1]
    assert "001.png cannot be read" in page(report).decode()


def test_pictures_of_all_classes_have_a_hundred_tiles(tmp_path):
    folder = make_run(
        tmp_path / "run", pictures=2, system="conditional", sample_class="all", sample_every=1000
    )
    report = report_of(folder)
    assert PIL.Image.open(io.BytesIO(report.pictures[0].png)).size == (280, 280)
    assert len(page_data(report)["pictures"]["layout"]["tops"]) == 10
    assert report.ensemble is None


def test_quality_of_the_newest_and_of_all(tmp_path):
    folder = make_run(tmp_path / "run")
    entry = {"n": 10000, "figures": {"frechet": 12.5, "frechet_real": 3.25, "recall": None}}
    newest = {"n": 5, "figures": {"frechet": 11.5, "parzen_nats": 86.6, "parzen_nats_error": 2.04}}
    evaluations = [{"iteration": 1000, **entry}, {"iteration": 4001, **newest}]
    (folder / "quality.json").write_text(json.dumps({"format": 1, "evaluations": evaluations}))
    report = report_of(folder)
    assert page_data(report)["quality"] == {
        "iterations": [1000, 4001],
        "figures": {
            "parzen_nats": [None, 86.6],
            "frechet": [12.5, 11.5],
            "frechet_real": [3.25, None],
        },
    }
    html = page(report).decode()
    assert "86.6 \N{PLUS-MINUS SIGN} 2<" in html
    assert "iteration 4,001, 5 samples" in html
    (folder / "quality.json").write_text("{}")
    assert "quality.json is not a file of evaluations" in page(report_of(folder)).decode()


def cells(text, title):
    """Returns the texts of the cells of each row of the table below a title, by the first one."""
    table = text[text.index(title) :].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]
    return {html.unescape(first): rest for first, *rest in rows}


def test_quality_stands_beside_real_images_and_by_class(tmp_path):
    folder = make_run(tmp_path / "run")
    figures = {"precision": 0.9, "recall": 0.0, "frechet": 5.0, "frechet_real": 1.5}
    real = {"precision": 0.7, "recall": 0.8, "frechet": 1.5, "frechet_real": 1.5}
    shares = [0.75, 0.25, *[0.0] * 8]
    add_evaluation(folder, Evaluation(500, 10, figures))
    assert 'class="shares"' not in page(report_of(folder)).decode()
    add_evaluation(folder, Evaluation(1000, 10, figures, real, shares, [0.1] * 10))
    report = report_of(folder)
    assert report.quality[1] == Evaluation(1000, 10, figures, real, shares, [0.1] * 10)
    text = page(report).decode()
    rows = cells(text, 'id="quality-title"')
    assert {name: row[1] for name, row in rows.items()} == {
        "Fréchet distance": "1.5",
        "Precision": "0.7",
        "Recall": "0.8",
    }
    classes = cells(text, 'class="shares"')
    assert list(classes) == [str(digit) for digit in range(10)]
    assert [(row[0], row[2]) for row in classes.values()][:3] == [
        ("75.0%", "10.0%"),
        ("25.0%", "10.0%"),
        ("0.0%", "10.0%"),
    ]
    assert re.findall('<rect width="([^"]+)', classes["1"][1]) == [f"{100 / 3:.4g}"]
    assert page_data(report)["quality"]["figures"]["precision_real"] == [None, 0.7]
    # Shares have an axis from 0 to 1, whatever they are.
    assert sorted(re.findall('data-figure="([a-z_]+)" data-share', text)) == ["precision", "recall"]


# Curves


def test_signs_and_what_they_tell_of(tmp_path):
    out = make_run(tmp_path / "out")
    assert 'id="health-title"' not in page(report_of(out)).decode()
    csv = HealthCsv(out / "health.csv", 0, print)
    for it in range(0, 4000, 200):
        signs = {**dict.fromkeys(SIGNS, 0.5), "g_weights": it, "diversity_real": 10.0}
        csv.append(it, {**signs, "diversity": 0.1 if it < 2000 else 5.0})
    csv.close()
    report = report_of(out)
    text = page(report).decode()
    assert 'id="health-title"' in text
    begun, ended = report.diseases
    assert "(collapse), since iteration 0; at iteration 1000: diversity 0.1" in begun
    assert text.index(begun) < text.index(ended)
    found = page_data(report)["health"]
    assert found["iterations"] == [*range(0, 4000, 200)]
    assert found["figures"]["diversity"] == [0.1] * 10 + [5.0] * 10
    assert found["figures"]["ink"] == [0.5] * 20
    (out / "health.csv").write_text("nonsense")
    assert report_of(out).warnings[0].startswith(f"{out / 'health.csv'} is not a file of signs")


def rows_of(values):
    values = np.asarray(values, np.float64)
    return LossRows(np.arange(len(values)) * 10, values, -values)


def test_few_rows_are_drawn_as_they_are():
    drawn = curves(rows_of([3, 1, 2]), None)
    assert drawn.iterations.tolist() == [0, 10, 20]
    assert drawn.d_loss.raw.tolist() == drawn.d_loss.smooth.tolist() == [3, 1, 2]
    assert (drawn.rows_per_bin, drawn.window, drawn.d_loss.low) == (1, 1, None)


def test_many_rows_keep_the_smallest_and_the_largest_of_each_bin():
    # Bins of three: the largest before the smallest, after it, the same; and one row at the end.
    drawn = curves(rows_of([9, 1, 5, 2, 4, 8, 6, 6, 6, 7]), None, max_points=8)
    assert drawn.rows_per_bin == 3
    assert drawn.iterations.tolist() == [0, 10, 30, 40, 60, 70, 90]
    assert drawn.d_loss.raw.tolist() == [9, 1, 2, 8, 6, 6, 7]
    assert drawn.g_loss.raw.tolist() == [-9, -1, -2, -8, -6, -6, -7]


def test_no_peak_is_lost_of_a_million_rows():
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
    assert [smoothing_window(n) for n in (0, 19, 20, 1000, 10_000)] == [1, 1, 5, 21, 201]


def test_memory_of_a_report_hardly_grows_with_the_rows(tmp_path):
    peaks = []
    for rows in (1_000, 300_000):
        folder = make_run(tmp_path / str(rows), iters=rows, pictures=1, log_every=1)
        with peak_memory() as peak:
            write_report(ReportConfig(source=str(folder)), lambda line: None)
            peaks.append(peak())
    # A row is three numbers, 24 bytes; what is made of them on the way takes as many again.
    assert peaks[1] - peaks[0] < 60 * 300_000


def test_the_range_of_the_recorded_runs_ends_where_they_end():
    published = published_runs("vanilla", "mnist")
    rows = LossRows(np.array([0, 150, 10_000, 10_100]), np.ones(4), np.ones(4))
    drawn = curves(rows, published.ensemble(RunConfig()))
    seeds = published.d_loss
    high = seeds.max(axis=0)
    between = (high[1] + high[2]) / 2  # 150 lies between the rows of 100 and 200
    np.testing.assert_allclose(drawn.d_loss.high[:3], [high[0], between, high[100]])
    assert drawn.d_loss.low[0] == seeds[:, 0].min()
    assert np.isnan(drawn.d_loss.high[3])
    assert np.isnan(drawn.d_loss.low[3])


@pytest.mark.parametrize("is_there", [True, False])
def test_a_fork_is_shown_beside_its_parent(tmp_path, capsys, is_there):
    parent, child = make_run(tmp_path / "parent"), make_run(tmp_path / "child", iters=6001)
    record = read_record(child)
    begun_as = {"path": str(parent), "iteration": 2000, "checkpoint": "5a" * 32, "changes": []}
    # Where another run stands in that place by now, nothing is shown of it.
    record.parent = {**begun_as, "run_id": record.run_id if is_there else "f" * 16}
    record.run_id = "a" * 16
    record.save(child)
    rows = [f"{it},0.5,1\n" for it in range(0, 6001, 100)]
    (child / "losses.csv").write_text("iteration,d_loss,g_loss\n" + "".join(rows))
    report = report_of(child)
    shown = page_data(report)["losses"]["g_loss"]["parent"]
    assert ("Dashed" in page(report).decode()) == is_there
    assert cli.main(["compare", f"--from={child}", "--format=json"]) == 1
    lines = json.loads(capsys.readouterr().out)["parent"]
    cli.main(["compare", f"--from={child}"])
    table = capsys.readouterr().out
    if not is_there:
        assert (shown, lines, "is a fork of" in table) == (None, [], False)
        return
    # The parent has rows to 4000, of 2 + it / 1000.
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
def test_the_verdict_stands_at_the_head_and_is_that_of_compare(
    tmp_path, capsys, settings, said, out
):
    """Uniform noise is no picture of digits."""
    folder = make_run(tmp_path / "run", **settings)
    head = page(report_of(folder)).decode().partition("<main>")[0]
    assert said in html.unescape(head)
    assert ("verdict-line out" in head) == out
    cli.main(["compare", f"--from={folder}", "--format=json"])
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    outside = sum(not verdict["passed"] for verdict in verdicts)
    assert (f"{outside} of {len(verdicts)} numbers" in head) == out


def test_what_is_recorded_is_expected(tmp_path):
    """Dark: the range of ten runs. Light: that of their means, widened as compare does."""
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
    (folder / "losses.csv").write_text("iteration,d_loss,g_loss\n0,0,-1\n100,0.5,inf\n")
    losses = page_data(report_of(folder))["losses"]
    assert losses["d_loss"]["raw"] == [None, 0.5]
    assert losses["g_loss"]["raw"] == [-1, None]
    assert (losses["d_loss"]["logarithmic"], losses["g_loss"]["logarithmic"]) == (True, False)


def test_a_run_without_rows_yet(tmp_path):
    folder = make_run(tmp_path / "run", pictures=1, trained=0)
    (folder / "losses.csv").write_text("iteration,d_loss,g_loss\n")
    report = report_of(folder)
    assert report.reached == 0
    assert embedded(page(report).decode(), "report-data")["losses"]["iterations"] == []


# To repeat the run


def test_the_command_names_what_is_not_the_default(tmp_path):
    folder = make_run(
        tmp_path / "run",
        **{"log_every": 7, "loss": "log", "h_dim": (7, 6), "data_dir": "my data"},
        allow_soft_placement=False,
    )
    assert command_line(read_record(folder)) == (
        "./run.sh --iters 4001 --system vanilla --loss log --h_dim 7,6 --seed 7 --dataset mnist "
        "--data_dir 'my data' --log_every 7 --noallow_soft_placement --out again"
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_command_gives_the_settings_of_the_run(tmp_path, system):
    settings = {"learning_rate": 0.25, "preset": "stable", "r1": 0.0, "report": True}
    folder = make_run(tmp_path / "run", pictures=0, system=system, **settings)
    record = read_record(folder)
    words = shlex.split(command_line(record))
    assert ("--r1" in words, "--loss" in words) == (True, False)
    settings = COMMANDS["train"]().flags.parse(words[1:])
    again = RunConfig(**{**settings, "data_dir": record.config.data_dir}).resolved().counted(55000)
    expected = {**record.config.to_json(), "dataset": "mnist", "out": "again", "report": False}
    assert again.to_json() | {"epochs": None} == expected | {"epochs": None}


def test_the_page_says_what_came_from_a_preset(tmp_path):
    folder = make_run(tmp_path / "run", preset="stable", r1=0.0)
    text = page(report_of(folder)).decode()
    assert "512,512, by preset stable" in text
    assert "by preset" not in page(report_of(make_run(tmp_path / "other"))).decode()
    assert text.count(", by preset stable") == 8


def test_what_a_repetition_can_promise(tmp_path):
    assert "gives the same bits" in page(report_of(make_run(tmp_path / "a"))).decode()
    other = page(report_of(make_run(tmp_path / "b", device="/GPU:0", rewinds=2))).decode()
    assert "On a GPU the last digits may differ" in other
    assert "went back 2 times" in other


# The page


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    folder = make_run(tmp_path / "run")
    assert page(report_of(folder)) == page(report_of(folder))


def test_what_comes_from_the_user_is_escaped(tmp_path):
    nasty = "<script>alert('&\"$x')<"
    folder = make_run(
        tmp_path / nasty / "run", pictures=2, data_dir=nasty, init_weights="</script>"
    )
    (folder / "001.png").write_bytes(b"no picture")
    entry = {"iteration": 1, "n": 2, "figures": {f"</script>{nasty}": 3.0}}
    evaluations = [entry, {**entry, "iteration": 2}]
    (folder / "quality.json").write_text(json.dumps({"format": 1, "evaluations": evaluations}))
    html = page(report_of(folder)).decode()
    assert "alert(" in html
    assert "<script>alert" not in html
    # The scripts of the page itself and its data, each closed once.
    assert html.count("</script>") == len(re.findall("<script[ >]", html)) == 5


def test_the_page_forbids_all_but_its_own(tmp_path):
    html = page(report_of(make_run(tmp_path / "run", pictures=1))).decode()
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]+)"', html).group(1)
    rules = dict(rule.split(" ", 1) for rule in policy.replace("&#x27;", "'").split("; "))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    scripts = re.findall("<script>(.*?)</script>", html, re.DOTALL)
    styles = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    for kind, texts in (("script-src", scripts), ("style-src", styles)):
        sums = [hashlib.sha256(text.encode()).digest() for text in texts]
        expected = [f"'sha256-{base64.b64encode(one).decode()}'" for one in sums]
        assert rules.pop(kind).split() == expected
    assert rules == {"base-uri": "'none'", "form-action": "'none'"}
    assert not re.search(r'(src|href)="?(?!data:)', html.split("<script", 1)[0])


def test_a_thousand_pictures_of_noise_stay_under_25_MB(thousand):
    assert len(page(thousand)) < 25e6


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    return thousand_pictures(tmp_path_factory.mktemp("thousand"))


def thousand_pictures(folder):
    """Returns the report of a million iterations with pictures of noise, which compress worst."""
    report = report_of(make_run(folder / "run", iters=1_000_000, pictures=1))
    pngs = [sheet_png(samples(seed).astype(np.float64), 4, 4) for seed in range(20)]
    pictures = [
        SmallPicture(k, pngs[k % 20], report.pictures[0].statistics + k / 1e4, k + 1.0)
        for k in range(1000)
    ]
    assert len(report.losses.iteration) == 10_000
    return report._replace(pictures=pictures, pictures_found=1000)


# The command


def test_the_command_writes_and_replaces_the_page(tmp_path, capsys):
    folder = make_run(tmp_path / "run")
    for _ in range(2):
        (line,) = success(capsys, "report", "--from", folder)
        assert line == f"{folder / 'report.html'}: 5 pictures, 0.2 MB"
    assert (folder / "report.html").read_bytes() == page(report_of(folder))
    success(capsys, "report", "--from", folder, "--out", tmp_path / "other.html")
    assert (tmp_path / "other.html").read_bytes() == (folder / "report.html").read_bytes()


def test_published_frames_stand_beside_the_pictures(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    folder = make_run(tmp_path / "run")
    gif(tmp_path / "post.gif")
    with served(tmp_path) as (address, _):
        success(capsys, "report", "--from", folder, "--published_gif", f"{address}post.gif")
        status, line = failure(
            capsys, "report", "--from", folder, "--published_gif", f"{address}no"
        )
    assert (status, "HTTP 404" in line) == (1, True)
    data = embedded((folder / "report.html").read_text(), "report-data")
    assert data["frame_iterations"] == [0, 1000, 2000]
    assert len(data["frames"]) == 3


def test_failures_end_in_one_line(tmp_path, capsys):
    folder = make_run(tmp_path / "run")
    empty = make_run(tmp_path / "empty", pictures=0)
    gif(tmp_path / "small.gif", size=(10, 12))
    cases = [
        (("--from", tmp_path), 2, "no run there, it has no run.json"),
        (("--from", tmp_path / "nothing"), 2, "no run there"),
        (("--from", folder / "best"), 2, f"expected the run itself, --from={folder}"),
        (("--from", folder / "checkpoints" / "0000000002"), 2, f"--from={folder}"),
        (("--from", empty), 2, "has no pictures yet"),
        (("--from", folder, "--out", tmp_path), 2, "it is a folder"),
        (("--from", folder, "--out", tmp_path / "small.gif" / "r.html"), 1, "cannot write"),
        (("--from", folder, "--published_gif", tmp_path / "none.gif"), 1, "none.gif"),
        (("--from", folder, "--published_gif", folder / "000.png"), 1, "not a GIF"),
        (("--from", folder, "--published_gif", tmp_path / "small.gif"), 1, "10x12"),
    ]
    for words, status, said in cases:
        found = failure(capsys, "report", *words)
        assert found[0] == status, found
        assert said in found[1]


def test_a_run_keeps_its_report_fresh(tmp_path, capsys, offline_data_dir):
    out = tmp_path / "run"
    offline.train(
        out, offline_data_dir, iters=7, sample_every=3, log_every=1, batch_size=11, report=True
    )
    capsys.readouterr()
    written = (out / "report.html").read_bytes()
    success(capsys, "report", "--from", out)
    assert (out / "report.html").read_bytes() == written
    assert "Finished: 7 iterations" in written.decode()
    data = embedded(written.decode(), "report-data")
    assert data["pictures"]["iterations"] == [0, 3, 6]
    assert data["losses"]["iterations"] == [0, 1, 2, 3, 4, 5, 6]


def test_a_run_that_fails_says_so_until_it_goes_on(tmp_path, offline_data_dir):
    """The offline images and this rate make the log form diverge at once."""
    out = tmp_path / "run"
    settings = {"sample_every": 5, "log_every": 1, "batch_size": 11, "loss": "log"}
    with pytest.raises(DivergedError) as caught:
        offline.train(out, offline_data_dir, iters=100, learning_rate=50.0, report=True, **settings)
    at = caught.value.iteration
    text = (out / "report.html").read_text()
    assert f"Failed at iteration {at}: D loss is" in text
    assert embedded(text, "report-data")["reload_s"] == 0
    # As it was before it failed.
    record = read_record(out)
    record.diverged = {}
    record.save(out)
    assert "Failed at" not in page(report_of(out)).decode()


def test_a_page_that_is_written_again_tells_the_browser_to_look(tmp_path):
    folder = make_run(tmp_path / "run", trained=0, iters=9000)
    (folder / "losses.csv").write_text("iteration,d_loss,g_loss\n0,1,1\n")
    observer = ReportObserver(read_record(folder), 0, print)
    observer.picture(4000, np.zeros((16, 784), np.float32))
    for finish, is_written_again in ((observer._refresher.finish, True), (observer.close, False)):
        finish()
        found = embedded((folder / "report.html").read_text(), "report-data")["reload_s"]
        assert (found > 0) == is_written_again
    assert embedded(page(report_of(folder)).decode(), "report-data")["reload_s"] == 0


@pytest.mark.parametrize("is_own", [True, False])
def test_own_data_are_called_by_their_folder(tmp_path, is_own):
    folder = make_run(tmp_path / "run", data_dir="cats/", allow_unverified_data=True)
    record = read_record(folder)
    record.dataset["checksum"] = "5a" * 32 if is_own else record.dataset["checksum"]
    record.save(folder)
    text = page(report_of(folder)).decode()
    assert f"<h1>vanilla on {'cats' if is_own else 'mnist'}</h1>" in text


def test_nobody_learns_where_the_home_folder_is(tmp_path, capsys, monkeypatch):
    """A report is made to be sent; the line that trains it again works in any home."""
    home = tmp_path / "home" / "jane"
    monkeypatch.setenv("HOME", str(home))
    folder = make_run(home / "run", data_dir=f"{home}/data", init_weights=f"{home}/w.npz")
    (folder / "001.png").write_bytes(b"no picture")
    (folder / "quality.json").write_bytes(b"mine")
    success(capsys, "report", f"--from={folder}")
    page = (folder / "report.html").read_text()
    assert "jane" not in page
    assert all(part in page for part in ("~/data", "--init_weights", "~/w.npz", "~/run/001.png"))
