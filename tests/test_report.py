"""Tests of `./run.sh report`: what it gathers about a run, and its one-line failures."""

from __future__ import annotations

import base64
import datetime
import hashlib
import html
import os
import re
import shlex

import numpy as np
import offline
import PIL.Image
import pytest
from one_line import failure, success
from reports import embedded, report_of, text_of, thousand_pictures
from serving import served
from small_run import STARTED_S, make_run, write_losses, write_quality

from vanilla_gan.cli.commands import COMMANDS
from vanilla_gan.errors import DivergedError
from vanilla_gan.health.doctor import examined
from vanilla_gan.health.words import lines_of
from vanilla_gan.observers.report import ReportObserver
from vanilla_gan.report.contents import seconds_between_pictures
from vanilla_gan.report.data import page_data
from vanilla_gan.report.facts import command_line, facts_of, sendable
from vanilla_gan.report.page import page
from vanilla_gan.report.pictures import MAX_BYTES, Shelf
from vanilla_gan.runfolder.health_csv import SIGNS, HealthCsv
from vanilla_gan.runfolder.quality_json import Evaluation, add_evaluation
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS


def gif(path, frames=3, size=(330, 337)):
    pictures = [PIL.Image.new("L", size, 40 * k) for k in range(frames)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=750)
    return path


# What is gathered


def test_a_report_says_what_the_files_say(tmp_path):
    report = report_of(make_run(tmp_path / "run", trained=0, iters=6001))
    assert report.iterations() == [0, 1000, 2000, 3000, 4000]
    assert report.reached == 6001  # the last row of losses.csv is for iteration 6000
    last = datetime.datetime.fromtimestamp(STARTED_S + 20, datetime.timezone.utc)
    assert report.state == last
    assert seconds_between_pictures(report) == 5
    assert report.quality == []
    assert report.warnings == []


def test_a_runs_progress_is_that_of_whatever_is_furthest(tmp_path):
    folder = make_run(tmp_path / "run", trained=0, iters=99999)
    rows = (folder / "losses.csv").read_text().splitlines()[1:]
    write_losses(folder, *rows[:12])  # up to iteration 1100
    assert report_of(folder).reached == 4000
    assert report_of(folder, reached=4567).reached == 4567


@pytest.mark.parametrize(
    ("every", "said"),
    [
        (1000, "200 iterations a second"),
        (12, "2.4 iterations a second"),
        (2, "2.5 s an iteration"),
    ],
)
def test_a_slow_run_has_seconds_an_iteration(tmp_path, every, said):
    folder = make_run(tmp_path / "run", sample_every=every)
    assert f"every 5 s (the median), {said}<" in text_of(folder)


def test_times_that_do_not_ascend_are_not_shown(tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / "001.png").write_bytes((folder / "001.png").read_bytes())
    assert seconds_between_pictures(report_of(folder)) is None


def test_the_copied_pictures_of_a_fork_do_not_count_for_its_speed(tmp_path):
    folder = make_run(tmp_path / "run")
    for number in range(3):
        os.utime(folder / f"{number:03d}.png", ns=2 * (STARTED_S * 10**9 + number,))
    record = read_record(folder)
    record.parent = {"path": "/p", "run_id": "1", "iteration": 3000, "checkpoint": "0" * 64}
    record.parent["changes"] = []
    record.save(folder)
    assert seconds_between_pictures(report_of(folder)) == 5


def test_quality_of_the_newest_and_of_all(tmp_path):
    folder = make_run(tmp_path / "run")
    entry = {"n": 10000, "figures": {"frechet": 12.5, "frechet_real": 3.25, "recall": None}}
    newest = {"n": 5, "figures": {"frechet": 11.5, "parzen_nats": 86.6, "parzen_nats_error": 2.04}}
    write_quality(folder, {"iteration": 1000, **entry}, {"iteration": 4001, **newest})
    assert page_data(report_of(folder))["quality"] == {
        "iterations": [1000, 4001],
        "figures": {
            "parzen_nats": [None, 86.6],
            "frechet": [12.5, 11.5],
            "frechet_real": [3.25, None],
        },
    }
    html = text_of(folder)
    assert "86.6 \N{PLUS-MINUS SIGN} 2<" in html
    assert "iteration 4,001, 5 samples" in html
    (folder / "quality.json").write_text("{}")
    assert "quality.json is not a file of evaluations" in text_of(folder)


def cells(text, title):
    """Returns the cells of each row of the table below a title, by the text of the first one."""
    table = text[text.index(title) :].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]
    return {html.unescape(first): rest for first, *rest in rows}


def test_quality_beside_real_images_and_by_class(tmp_path):
    folder = make_run(tmp_path / "run")
    figures = {"precision": 0.9, "recall": 0.0, "frechet": 5.0, "frechet_real": 1.5}
    real = {"precision": 0.7, "recall": 0.8, "frechet": 1.5, "frechet_real": 1.5}
    shares = [0.75, 0.25, *[0.0] * 8]
    add_evaluation(folder, Evaluation(500, 10, figures))
    assert 'class="shares"' not in text_of(folder)
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
    # Shares have an axis from 0 to 1, whatever their values.
    assert sorted(re.findall('data-figure="([a-z_]+)" data-share', text)) == ["precision", "recall"]


def test_signs_and_the_diseases_they_show(tmp_path):
    out = make_run(tmp_path / "out")
    assert 'id="health-title"' not in text_of(out)
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


def test_the_page_prescribes_what_doctor_does(tmp_path):
    """Neither proposes a setting that the run's system lacks."""
    out = make_run(tmp_path / "out", system="acgan")
    csv = HealthCsv(out / "health.csv", 0, print)
    for it in range(0, 4000, 200):
        csv.append(it, {**dict.fromkeys(SIGNS, 0.5), "logit_gap": 5.0, "unseen_gap": 2.0})
    csv.close()
    lines = report_of(out).diseases
    assert any("(memorising)" in line for line in lines)
    assert lines == lines_of(examined(str(out)).episodes)


# Repeating the run


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


def test_the_command_of_a_fork_trains_as_far_as_the_fork_was_trained(tmp_path):
    record = read_record(make_run(tmp_path / "run", iters=4001, pictures=0))
    change = {"setting": "iters", "was": 2000, "is": 3000}
    record.parent = {"path": "/p", "run_id": "1", "iteration": 7, "changes": [change]}
    assert command_line(record) == (
        "./run.sh fork --from /p/checkpoints/0000000007 --iters 4001 --out again"
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
    text = text_of(folder)
    assert "512,512, by preset stable" in text
    assert "by preset" not in text_of(make_run(tmp_path / "other"))
    assert text.count(", by preset stable") == 8


def test_what_a_repetition_can_promise(tmp_path):
    assert "gives the same bits" in text_of(make_run(tmp_path / "a"))
    other = text_of(make_run(tmp_path / "b", device="/GPU:0", rewinds=2))
    assert "On a GPU the last digits may differ" in other
    assert "went back to a checkpoint 2 times" in other


# The page


def test_the_page_says_when_not_all_pictures_are_on_it(tmp_path):
    report = report_of(make_run(tmp_path / "run"))
    assert "pictures are here" not in page(report).decode()
    of_more = page(report._replace(pictures_found=2005)).decode()
    assert "5 of 2,005 pictures are here, to keep this page small." in of_more


def test_pictures_that_are_not_on_the_page_are_judged(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run")
    whole = report_of(run)
    monkeypatch.setattr(Shelf.pictures, "__defaults__", (3, MAX_BYTES))
    thinned = report_of(run)
    assert [picture.number for picture in thinned.pictures] == [0, 2, 4]
    assert {verdict.iteration for verdict in whole.normal.verdicts} > {1000, 3000}
    assert thinned.normal == whole.normal


def test_what_comes_from_the_user_is_escaped(tmp_path):
    nasty = "<script>alert('&\"$x')<"
    folder = make_run(
        tmp_path / nasty / "run", pictures=2, data_dir=nasty, init_weights="</script>"
    )
    (folder / "001.png").write_bytes(b"no picture")
    entry = {"iteration": 1, "n": 2, "figures": {f"</script>{nasty}": 3.0}}
    write_quality(folder, entry, {**entry, "iteration": 2})
    html = text_of(folder)
    assert "alert(" in html
    assert "<script>alert" not in html
    # The scripts of the page itself and its data, each closed once.
    assert html.count("</script>") == len(re.findall("<script[ >]", html)) == 5


def test_the_page_allows_only_its_own_content(tmp_path):
    html = text_of(make_run(tmp_path / "run", pictures=1))
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


def test_a_thousand_pictures_of_noise_stay_under_25_MB(tmp_path):
    assert len(page(thousand_pictures(tmp_path))) < 25e6


# The command


def test_the_command_writes_and_replaces_the_page(tmp_path, capsys):
    folder = make_run(tmp_path / "run")
    for _ in range(2):
        (line,) = success(capsys, "report", "--from", folder)
        assert line == f"{folder / 'report.html'}: 5 pictures, 0.2 MB"
    assert (folder / "report.html").read_bytes() == page(report_of(folder))
    success(capsys, "report", "--from", folder, "--out", tmp_path / "other.html")
    assert (tmp_path / "other.html").read_bytes() == (folder / "report.html").read_bytes()


def test_published_frames_appear_beside_the_pictures(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    folder = make_run(tmp_path / "run")
    gif(tmp_path / "post.gif")
    with served(tmp_path) as (address, _):
        success(capsys, "report", "--from", folder, "--published_gif", f"{address}post.gif")
        status, line = failure(
            capsys, "report", "--from", folder, "--published_gif", f"{address}no"
        )
    assert (status, "HTTP 404" in line) == (1, True)
    data = embedded((folder / "report.html").read_text())
    assert data["frame_iterations"] == [0, 1000, 2000]
    assert len(data["frames"]) == 3


def test_failures_end_in_one_line(tmp_path, capsys):
    folder = make_run(tmp_path / "run")
    empty = make_run(tmp_path / "empty", pictures=0)
    gif(tmp_path / "small.gif", size=(10, 12))
    cases = [
        (("--from", tmp_path), 2, "there is no run (run.json is missing)"),
        (("--from", tmp_path / "nothing"), 2, "there is no run"),
        (("--from", folder / "best"), 2, f"expected the run itself, --from={folder}"),
        (("--from", folder / "losses.csv"), 2, f"expected the run itself, --from={folder}"),
        (("--from", tmp_path / "small.gif"), 2, "there is no run (run.json is missing)"),
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


@pytest.mark.parametrize("command", ["report", "doctor", "compare"])
def test_a_damaged_record_has_no_advice_for_another_command(tmp_path, capsys, command):
    """`doctor` has no --out and no --overwrite, and those of `report` are for the page."""
    folder = make_run(tmp_path / "run", pictures=0)
    (folder / "run.json").write_text("nonsense")
    status, line = failure(capsys, command, "--from", folder)
    assert status == 1
    assert line.startswith(f"{folder / 'run.json'} cannot be used: ")
    assert line.endswith("; put the original back")


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
    data = embedded(written.decode())
    assert data["pictures"]["iterations"] == [0, 3, 6]
    assert data["losses"]["iterations"] == [0, 1, 2, 3, 4, 5, 6]


def test_a_page_by_somebody_else_is_renamed(tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / "report.html").write_text("my thesis")
    lines = []
    for _ in range(2):
        ReportObserver(read_record(folder), 0, lines.append).close()
    assert (folder / "report.html.1").read_text() == "my thesis"
    assert [line.startswith("warning: ") and "report.html.1" in line for line in lines] == [True]
    assert "Training report" in (folder / "report.html").read_text()


def test_a_run_that_fails_says_so_until_it_goes_on(tmp_path, offline_data_dir):
    """The offline images and this rate make the log form diverge at once."""
    out = tmp_path / "run"
    settings = {"sample_every": 5, "log_every": 1, "batch_size": 11, "loss": "log"}
    with pytest.raises(DivergedError) as caught:
        offline.train(out, offline_data_dir, iters=100, learning_rate=50.0, report=True, **settings)
    at = caught.value.iteration
    text = (out / "report.html").read_text()
    assert f"Failed at iteration {at}: D loss is" in text
    assert embedded(text)["reload_s"] == 0
    # The record as it was before the failure.
    record = read_record(out)
    record.diverged = {}
    record.save(out)
    assert "Failed at" not in text_of(out)


def test_a_run_whose_last_update_broke_its_weights_is_not_called_finished(tmp_path):
    folder = make_run(tmp_path / "run", trained=0)
    record = read_record(folder)
    record.diverged = {"iteration": 4001, "why": "iteration 4001: D_W1 not finite"}
    record.save(folder)
    text = text_of(folder)
    assert "Failed at iteration 4001: D_W1 not finite" in text
    assert "Finished" not in text


def test_a_page_that_is_written_again_makes_the_browser_reload(tmp_path):
    folder = make_run(tmp_path / "run", trained=0, iters=9000)
    write_losses(folder, "0,1,1")
    observer = ReportObserver(read_record(folder), 0, print)
    observer.picture(4000, np.zeros((16, 784), np.float32))
    for finish, is_written_again in ((observer._refresher.finish, True), (observer.close, False)):
        finish()
        found = embedded((folder / "report.html").read_text())["reload_s"]
        assert (found > 0) == is_written_again
    assert embedded(text_of(folder))["reload_s"] == 0


@pytest.mark.parametrize("is_own", [True, False])
def test_own_data_are_named_after_their_folder(tmp_path, is_own):
    folder = make_run(tmp_path / "run", data_dir="cats/", allow_unverified_data=True)
    record = read_record(folder)
    record.dataset["checksum"] = "5a" * 32 if is_own else record.dataset["checksum"]
    record.save(folder)
    text = text_of(folder)
    assert f"<h1>vanilla on {'cats' if is_own else 'mnist'}</h1>" in text


@pytest.mark.parametrize("name", ["digits", "ring8", "birds"])
def test_other_data_keep_their_name_whatever_may_be_unverified(tmp_path, name):
    folder = make_run(tmp_path / "run", dataset=name, allow_unverified_data=True)
    text = text_of(folder)
    assert f"<h1>vanilla on {name}</h1>" in text
    assert ("pictures of your own" in text) == (name == "birds")


def test_names_from_right_to_left_keep_their_labels(tmp_path):
    """Unicode isolates enclose each, or a browser would show the 1 after the name of 2."""
    record = read_record(make_run(tmp_path / "run"))
    names = {"num_classes": 3, "class_names": ["\u05d0\u05d1", "cat", "\u062c"]}
    record.dataset |= {"trained_classes": [0, 1, 2], **names}
    first, last = (f"\u2066{k} ({names['class_names'][k]})\u2069" for k in (0, 2))
    assert facts_of(record).classes == f"{first}, 1 (cat), {last}"


def test_nobody_learns_where_the_home_folder_is(tmp_path, capsys, monkeypatch):
    """A report is meant to be shared; its command to train again works in any home folder."""
    home = tmp_path / "home" / "jane"
    monkeypatch.setenv("HOME", str(home))
    folder = make_run(home / "run", data_dir=f"{home}/data", init_weights=f"{home}/w.npz")
    (folder / "001.png").write_bytes(b"no picture")
    (folder / "quality.json").write_bytes(b"mine")
    success(capsys, "report", f"--from={folder}")
    page = (folder / "report.html").read_text()
    assert "jane" not in page
    assert all(part in page for part in ("~/data", "--init_weights", "~/w.npz", "~/run/001.png"))
    make_run(home / "sweep" / "a", seed=8)
    success(capsys, "report", f"--from={folder}", f"--against={home}/sweep")
    page = (folder / "report.html").read_text()
    assert "jane" not in page
    assert "~/sweep." in page
    record = read_record(folder)
    changes = [{"setting": "epochs", "was": None, "is": 3}, {"setting": "iters", "was": 1, "is": 9}]
    record.parent = {"path": f"{home}/a\udce9\x1b[31m", "run_id": "x", "iteration": 5}
    record.parent["changes"] = changes
    record.plugins = [{"path": f"{home}/mine.py", "sha256": "0" * 64}]
    for said in (command_line(record), facts_of(record).parent):
        assert said.isprintable()
        assert "jane" not in said
        assert "~/a" in said
    assert sendable("n\xa0\u200cb") == "n\xa0\u200cb"
    # `--iters` says as much; but the plug-in has to be given.
    assert "--epochs" not in command_line(record)
    assert "--plugin '~/mine.py'" in command_line(record)
