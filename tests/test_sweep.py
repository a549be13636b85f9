"""`./run.sh sweep`: real runs in parallel, their summary, and how they are stopped."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

import numpy as np
import offline
import PIL.Image
import pytest
from one_line import failure
from processes import ROOT
from small_run import make_run, without_gain

from vanilla_gan.cli import main as cli
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.data.streams import unread
from vanilla_gan.errors import OutputError, RunConflictError
from vanilla_gan.report.bands import Series, band, bands_png
from vanilla_gan.report.quality import label_of
from vanilla_gan.runfolder.checkpoint import checkpoint_folder, newest_iteration
from vanilla_gan.runfolder.quality_json import Evaluation, add_evaluation
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.sweep.plan import check_alike, planned, with_data
from vanilla_gan.sweep.processes import Job, run_jobs
from vanilla_gan.sweep.settings import SweepConfig, part_of, seeds_of
from vanilla_gan.sweep.summary import look_at
from vanilla_gan.sweep.sweep import _heading
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.signals import StopRequest

SIZES = {"batch_size": 11, "h_dim": 7, "z_dim": 5, "sample_every": 50, "log_every": 1}


def words(data_dir: pathlib.Path, **settings: object) -> list[str]:
    given = {
        "dataset": "mnist",
        "data_dir": data_dir,
        "allow_unverified_data": "true",
        "device": "cpu",
        **SIZES,
        **settings,
    }
    return ["sweep", *(f"--{name}={value}" for name, value in given.items())]


def swept(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], list[str]]:
    """Returns the exit status of a sweep, its lines on stdout, and those on stderr."""
    status = cli.main(list(words))
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return status, out.splitlines(), err.splitlines()


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0:3", [0, 1, 2]), ("7", [7]), ("3,9:11", [3, 9, 10]), ("4294967295", [2**32 - 1])],
)
def test_seeds(text, seeds):
    assert seeds_of(text) == seeds


def test_parts_are_counted_from_0():
    assert [part_of(text) for text in ("0/3", "2/3", "3/3", "1")] == [(0, 3), (2, 3), None, None]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "--seeds is missing"),
        (("--seeds=2:1",), "--seeds=2:1: expected"),
        (("--seeds=0:2", "--seed=1"), "unknown flag --seed (did you mean 'seeds'?)"),
        (("--seeds=0:2", "--grid=lerning_rate=1"), "did you mean 'learning_rate'?"),
        (("--seeds=0:2", "--grid=h_dim=x"), "--h_dim=x: expected"),
        (("--seeds=0:2", "--grid=h_dim=0"), "--h_dim=0: expected"),
        (("--seeds=0:2", "--grid=h_dim=7,07"), "twice"),
        (("--seeds=0:2", "--grid=h_dim=7", "--grid=h_dim=8"), "twice"),
        (("--seeds=0:2", "--grid=h_dim=7", "--h_dim=8"), "--h_dim is also in --grid"),
        (("--seeds=0:2", "--grid=out=a,b"), "--grid=out=a,b: expected a flag of train"),
        (("--seeds=0:2", "--grid=tune=true"), "--grid=tune=true: expected a flag of train"),
        (("--seeds=0:9999", "--grid=h_dim=7,8"), "make 19998 runs; expected at most 10000"),
        (("--seeds=0:2", "--grid=dropout_rate=0.1"), "does not apply to --system vanilla"),
        (("--seeds=0:2", "--batch_size=99999"), "--batch_size=99999: expected at most"),
        (("--seeds=0:2", "--out=run"), "--out=run: it holds a run, not a sweep"),
    ],
)
def test_impossible_sweeps_are_refused_before_anything_runs(
    capsys, elsewhere, offline_data_dir, flags, said
):
    make_run(elsewhere / "run")
    more = [*words(offline_data_dir, out="sweep")[1:4], "--out=sweep", *flags]
    status, line = failure(capsys, "sweep", *more)
    assert (status, said in line) == (2, True), line
    assert sorted(path.name for path in elsewhere.iterdir()) == ["run"]


@pytest.mark.slow
def test_a_sweep(capsys, elsewhere, offline_data_dir):
    """One rate of two fails; runs of the other are trained, summed up, and not trained again."""
    grid = ("--grid=learning_rate=0.001,1e30", "--jobs=2")
    command = [*words(offline_data_dir, iters=60, seeds="3,5"), *grid]

    status, table, lines = swept(capsys, *command)

    assert status == 1
    assert re.fullmatch(
        r"run\.sh: 2 of 4 runs failed: learning_rate_1e\+30_seed_3 \(status 1\); "
        r"learning_rate_1e\+30_seed_5 \(status 1\); .*",
        lines[-1],
    )
    sweep = elsewhere / "sweep"
    good = [sweep / f"learning_rate_0.001_seed_{seed}" for seed in (3, 5)]
    last = np.array([offline.read_losses(folder)[-1] for folder in good])
    mean, sd = last.mean(axis=0), last.std(axis=0, ddof=1)
    assert [line.split() for line in table[:5]] == [
        ["d_loss", "g_loss"],
        ["learning_rate", "0.001,", "mean", f"{mean[1]:.4g}", f"{mean[2]:.4g}"],
        ["learning_rate", "0.001,", "standard", "deviation", f"{sd[1]:.4g}", f"{sd[2]:.4g}"],
        ["learning_rate", "0.001,", "seed", "3", f"{last[0, 1]:.4g}", f"{last[0, 2]:.4g}"],
        ["learning_rate", "0.001,", "seed", "5", f"{last[1, 1]:.4g}", f"{last[1, 2]:.4g}"],
    ]
    assert [line.split()[-2:] for line in table[5:]] == [["-", "-"]] * 4
    found = json.loads((sweep / "sweep.json").read_text())["combinations"]
    assert [each["finished"] for each in found] == [2, 0]
    assert found[0]["sd"]["g_loss"] == pytest.approx(sd[2])
    assert found[1]["runs"][1]["numbers"] == {"d_loss": None, "g_loss": None}
    with PIL.Image.open(sweep / "sweep.png") as picture:
        assert picture.size == (800, 600)
    page = (sweep / "sweep.html").read_text()
    assert page.count("data:image/png;base64,iVBOR") == 2
    assert "<h1>vanilla on mnist, seeds 3, 5</h1>" in page
    assert "prefers-color-scheme: dark" in page
    assert '<span class="flag">--seeds</span>=3,5 ' in page
    assert "http" not in page.replace("http-equiv", "")

    # The same as from a single training command, bit for bit.
    alone = elsewhere / "alone"
    threads = {"intra_op_threads": 1, "inter_op_threads": 1}
    offline.train(alone, offline_data_dir, device="cpu", iters=60, seed=5, **SIZES, **threads)
    assert (alone / "losses.csv").read_bytes() == (good[1] / "losses.csv").read_bytes()

    # Again: only failed runs are tried, here one part of them; evaluations are in the table.
    add_evaluation(good[0], Evaluation(60, 100, {"frechet": 20.0, "parzen_nats": None}))
    add_evaluation(good[1], Evaluation(60, 100, {"frechet": 26.0, "parzen_nats": 3.5}))
    before = (good[0] / "run.json").stat().st_mtime_ns
    status, table, lines = swept(capsys, *command, "--part=3/4")
    assert status == 1
    assert lines[0] == "learning_rate_1e+30_seed_5: started, 1 of 1"
    assert "--part" not in json.loads((sweep / "sweep.json").read_text())["command"]
    assert "1 of 1 runs failed" in lines[-1]
    assert (good[0] / "run.json").stat().st_mtime_ns == before
    assert table[0].split() == ["d_loss", "g_loss", "parzen_nats", "frechet"]
    assert [line.split()[-2:] for line in table[1:5]] == [
        ["3.5", "23"],
        ["-", f"{statistics.stdev([20, 26]):.4g}"],
        ["-", "20"],
        ["3.5", "26"],
    ]
    with PIL.Image.open(sweep / "sweep.png") as picture:
        assert picture.size == (800, 820)
    labels = re.findall(r"<th[^>]*>([^<]*)</th>", (sweep / "sweep.html").read_text())[:5]
    assert labels == ["", "D loss", "G loss", "Parzen log-likelihood, nats", "Fréchet distance"]
    # With nothing to train it succeeds, and needs no data.
    status, table, lines = swept(
        capsys, *words(elsewhere, iters=60, seeds="3,5"), "--grid=learning_rate=0.001"
    )
    assert (status, lines) == (0, ["2 of 2 runs are finished already"])
    assert table[1].startswith("learning_rate 0.001, mean")
    # With --overwrite it is trained again, and the finished run is kept beside it.
    again = words(offline_data_dir, iters=3, seeds="5", overwrite="true")
    assert swept(capsys, *again, "--grid=learning_rate=0.001")[0] == 0
    aside = good[1].with_name(f"{good[1].name}.1")
    assert [len(offline.read_losses(folder)) for folder in (good[1], aside)] == [3, 60]


def test_a_run_that_stopped_gaining_is_finished(tmp_path):
    without_gain(make_run(tmp_path / "seed_7"))
    (run,) = planned(SweepConfig(seeds="7", out=str(tmp_path), iters=4001), {})
    assert run.is_finished
    assert look_at(run, print).losses is not None
    more_of_it = {"evaluate_every": 1000, "keep_best": "frechet", "stop_after_no_gain": 3}
    (more,) = planned(SweepConfig(seeds="7", out=str(tmp_path), iters=4001, **more_of_it), {})
    assert not more.is_finished


def test_a_longer_run_counts_up_to_the_iterations_of_the_sweep(tmp_path):
    run = make_run(tmp_path / "seed_7", iters=4001)
    for iteration in (1000, 3000):
        add_evaluation(run, Evaluation(iteration, 10, {"frechet": 1.0}))
    (shorter,) = planned(SweepConfig(seeds="7", out=str(tmp_path), iters=2001), {})
    found = look_at(shorter, print)
    assert found.losses.iteration[-1] == 2000
    assert [each.iteration for each in found.evaluations] == [1000]


def test_a_run_that_was_stopped_beyond_the_iterations_of_the_sweep_counts(tmp_path):
    run = make_run(tmp_path / "seed_7", trained=0)
    checkpoint_folder(run, 3500).mkdir(parents=True)
    for iters, is_finished in ((2001, True), (3501, False)):
        (each,) = planned(SweepConfig(seeds="7", out=str(tmp_path), iters=iters), {})
        assert each.is_finished == is_finished
    (each,) = planned(SweepConfig(seeds="7", out=str(tmp_path), iters=2001), {})
    assert look_at(each, print).losses.iteration[-1] == 2000


def test_runs_of_other_settings_or_data_are_not_mixed(tmp_path, offline_data_dir):
    make_run(tmp_path / "seed_7", learning_rate=1e-4)
    settings = {"seeds": "7,8", "out": str(tmp_path), "iters": 4001}
    with pytest.raises(RunConflictError, match=r"--learning_rate=0\.0001, but this command leaves"):
        check_alike(planned(SweepConfig(**settings), {}))
    with pytest.raises(RunConflictError, match=r"--learning_rate was 0\.0001, is 0\.01"):
        check_alike(planned(SweepConfig(**settings, learning_rate=0.01), {}))
    runs = planned(SweepConfig(**settings, learning_rate=1e-4), {})
    check_alike(runs)
    # Other images have this name by now.
    there = {"data_dir": str(offline_data_dir), "allow_unverified_data": True}
    others = planned(SweepConfig(**settings, **there, learning_rate=1e-4), {})
    with pytest.raises(RunConflictError, match="--dataset=mnist: seed_7 was trained on other data"):
        with_data(others[1:], others, print)
    record = read_record(make_run(tmp_path / "seed_8", learning_rate=1e-4))
    record.dataset = {**record.dataset, "checksum": "0" * 64}
    record.save(tmp_path / "seed_8")
    with pytest.raises(RunConflictError, match="different data, both called mnist"):
        check_alike(runs)


def test_runs_that_began_with_other_weights_are_not_mixed(tmp_path):
    make_run(tmp_path / "seed_7", pictures=0, init_weights="a.npz")
    for given, is_refused in (("a.npz", False), ("b.npz", True)):
        settings = {"iters": 4001, "init_weights": given}
        runs = planned(SweepConfig(seeds="7", out=str(tmp_path), **settings), {})
        refused = pytest.raises(RunConflictError, match=r"--init_weights=a\.npz, not with .*b\.npz")
        with refused if is_refused else contextlib.nullcontext():
            check_alike(runs)


def test_only_what_brings_other_settings_is_named(tmp_path):
    make_run(tmp_path / "seed_7", system="conv", pictures=0)
    (run,) = planned(SweepConfig(seeds="7", out=str(tmp_path)), {})
    with pytest.raises(RunConflictError, match="begun with --system=conv, but"):
        check_alike([run])


def test_different_data_behind_auto_or_data_are_not_mixed(tmp_path):
    make_run(tmp_path / "seed_7", pictures=0, dataset="digits")
    make_run(tmp_path / "seed_8", pictures=0)
    settings = {"seeds": "7,8", "out": str(tmp_path), "iters": 4001}
    with pytest.raises(RunConflictError, match="different data, mnist and digits"):
        check_alike(planned(SweepConfig(**settings), {}))
    with pytest.raises(RunConflictError, match=r"--data=cats: .*seed_7 was trained on digits"):
        check_alike(planned(SweepConfig(**settings, data="cats"), {}))


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("given", [{}, {"preset": "stable"}, {"D_steps": 2}])
def test_runs_of_the_same_command_are_alike(tmp_path, system, given):
    make_run(tmp_path / "seed_7", system=system, pictures=0, **given)
    settings = {"system": system, "iters": 4001, **given}
    check_alike(planned(SweepConfig(seeds="7,8", out=str(tmp_path), **settings), {}))


def test_runs_of_other_lengths_are_not_mixed(tmp_path):
    """Without --iters a new run would train for a million iterations."""
    make_run(tmp_path / "seed_7", pictures=0)
    runs = planned(SweepConfig(seeds="7,8", out=str(tmp_path)), {})
    with pytest.raises(RunConflictError, match="begun with --iters=4001, but this command"):
        check_alike(runs)
    for given in ({"iters": 5001}, {"epochs": 10}):
        check_alike(planned(SweepConfig(seeds="7,8", out=str(tmp_path), **given), {}))


def test_what_overwrite_has_not_trained_is_not_in_the_table(tmp_path, capsys, offline_data_dir):
    """Part 0 fails before it begins; part 1 still has an earlier run with other settings."""
    for seed in (7, 8):
        make_run(tmp_path / f"seed_{seed}", pictures=0, learning_rate=0.01)
    for name in ("sweep.png", "sweep.html"):
        (tmp_path / name).touch()
    given = words(offline_data_dir, out=tmp_path, seeds="7,8", iters=4001, device="gpu:77")
    status, table, _ = swept(capsys, *given, "--overwrite", "--part=0/2")
    assert status == 1
    assert all(line.split()[-2:] == ["-", "-"] for line in table[1:])
    assert [path.name for path in tmp_path.glob("sweep.*")] == ["sweep.json"]


@pytest.mark.parametrize(("overwrite", "data"), [(False, "digits"), (True, "mnist")])
def test_auto_is_what_it_was_for_a_run_of_the_sweep(tmp_path, offline_data_dir, overwrite, data):
    """A finished run counts, and one that is moved aside does not."""
    record = read_record(make_run(tmp_path / "seed_7", dataset="digits"))
    checksum = read_data_sets("digits", offline_data_dir, unread()).checksum
    record.dataset = {**record.dataset, "checksum": checksum}
    record.save(tmp_path / "seed_7")
    settings = {"data_dir": str(offline_data_dir), "allow_unverified_data": True, "iters": 4001}
    config = SweepConfig(seeds="7,8", out=str(tmp_path), overwrite=overwrite, **settings)
    runs = planned(config, {})
    named = with_data(runs[1:], [] if overwrite else runs, print)
    assert [run.config.dataset for run in named] == [data]
    # A run of a data set that was named says nothing about `auto`.
    runs = planned(config, {"dataset": ["auto", "fashion_mnist"]})
    make_run(tmp_path / "dataset_fashion_mnist_seed_7", dataset="fashion_mnist")
    named = with_data(runs[:2], runs, print)
    assert [run.config.dataset for run in named] == ["mnist", "mnist"]


def test_a_process_that_cannot_be_started(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open(os.devnull) as free:
        # Enough file descriptors for the log, but not for a pipe.
        resource.setrlimit(resource.RLIMIT_NOFILE, (free.fileno() + 1, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot start a: .*; give a smaller --jobs"):
            run_jobs([Job("a", ["true"], tmp_path / "a.log")], 1, StopRequest(), print)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def started(command: list[str], folder: pathlib.Path) -> subprocess.Popen[bytes]:
    """Starts a sweep of two runs, and waits until both train."""
    with (folder / "said.txt").open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "vanilla_gan", *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=said,
            start_new_session=True,
            # A test suite in the background ignores SIGINT, and its children would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    end_s = time.monotonic() + 300
    while not all((folder / f"sweep/seed_{seed}/003.png").exists() for seed in (0, 1)):
        assert process.poll() is None, (folder / "said.txt").read_text()
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return process


def test_a_run_does_not_fail_for_the_reason_of_an_earlier_start(tmp_path):
    """As when a package is missing: Python itself then says why."""
    log, lines = tmp_path / "a.log", []
    log.write_text("vanilla-gan: stopped by signal 15 at iteration 5 of 9, saved\n")
    for code, said in (("import nonsense", ""), ("exit('run.sh: no')", ", no")):
        run_jobs([Job("a", [sys.executable, "-c", code], log)], 1, StopRequest(), lines.append)
        assert lines[-1] == f"a: status 1{said}"


def stopped_at(folder: pathlib.Path, number: int) -> int:
    """Waits until a signal has stopped and saved both runs; returns the earlier iteration."""
    marks = []
    end_s = time.monotonic() + 300
    for seed in (0, 1):
        said = rf"stopped by signal {number} at iteration (\d+) of 10000000, saved"
        while not (line := re.search(said, (folder / f"sweep/seed_{seed}.log").read_text())):
            assert time.monotonic() < end_s
            time.sleep(0.01)
        run = folder / f"sweep/seed_{seed}"
        assert newest_iteration(run) == int(line[1])
        marks.append(int(line[1]))
    return min(marks)


@pytest.mark.slow
def test_a_signal_saves_all_runs_and_a_killed_sweep_leaves_none(tmp_path, offline_data_dir):
    settings = {"jobs": 2, "checkpoint_every": 10**6, "overwrite": "true"}
    command = words(offline_data_dir, iters=10**7, seeds="0:2", **settings)
    process = started(command, tmp_path)
    # As from a scheduler: every process gets it, and then each run once more from the sweep.
    for seed in (0, 1):
        lock = json.loads((tmp_path / f"sweep/seed_{seed}/run.lock").read_text())
        os.kill(lock["pid"], signal.SIGINT)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(300) == 130, (tmp_path / "said.txt").read_text()
    assert stopped_at(tmp_path, 2) > 150
    last = (tmp_path / "said.txt").read_text().splitlines()[-1]
    assert last.startswith("run.sh: stopped by signal 2: 0 of 2 runs are finished")
    assert last.endswith("; the same command without --overwrite continues them")

    shutil.rmtree(tmp_path / "sweep")
    process = started(command, tmp_path)
    process.kill()
    assert process.wait(300) == -9
    assert stopped_at(tmp_path, 15) > 150


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("3:6", "seeds 3 to 5"),
        ("3,5,8", "seeds 3, 5, 8"),
        (",".join(map(str, range(1, 80, 2))), "40 seeds from 1 to 79"),
    ],
)
def test_a_heading_has_room_for_few_seeds(tmp_path, seeds, said):
    record = read_record(make_run(tmp_path / "run"))
    heading = _heading(SweepConfig(seeds=seeds), [record])
    assert heading == f"vanilla on mnist, {said}"


def test_data_of_different_classes_have_figures_without_their_number():
    """As with `--grid dataset=mnist,emnist_letters`."""
    names = ["parzen_nats", "classes_covered"]
    assert [label_of(name, 10) for name in names] == [
        "Parzen log-likelihood, nats",
        "Classes covered, of 10",
    ]
    assert [label_of(name, None) for name in names] == [
        "Parzen log-likelihood, nats",
        "Classes covered",
    ]


def test_bands_are_the_mean_and_the_range_of_what_all_runs_have():
    first = Series(np.arange(0, 50, 10), np.arange(1.0, 6.0))
    other = Series(np.arange(0, 40, 5), np.arange(8.0, 0.0, -1.0))
    found = band([first, other])
    assert found.iterations.tolist() == [0, 10, 20, 30]
    assert found.mean.tolist() == [4.5, 4.0, 3.5, 3.0]
    assert found.low.tolist() == [1.0, 2.0, 3.0, 2.0]
    assert found.high.tolist() == [8.0, 6.0, 4.0, 4.0]
    long = Series(np.arange(9_000), np.full(9_000, -0.5))
    assert len(band([long]).iterations) == 2000
    panels = {"loss": {"a": [first, other], "b": [long]}}
    light, dark = (bands_png(panels, {"figure": {"a": [first]}}, "x", dark=d) for d in (0, 1))
    for png, page in ((light, 255), (dark, 0x1C)):
        with PIL.Image.open(io.BytesIO(png)) as picture:
            assert picture.size == (800, 520)
            assert picture.convert("RGB").getpixel((0, 0))[0] == pytest.approx(page, abs=6)


def test_no_two_groups_have_the_same_line(monkeypatch):
    """As in a grid of three by three, whose ninth group has no name above the panel."""
    figures = []
    encode = "vanilla_gan.report.bands.encode"
    monkeypatch.setattr(encode, lambda figure: figures.append(figure) or b"")
    first = Series(np.arange(0, 50, 10), np.arange(1.0, 6.0))
    bands_png({"loss": {str(k): [first] for k in range(17)}}, {}, "x")
    lines = figures[0].axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(lines) == 17


def test_long_names_of_groups_stay_in_the_figure():
    """Like those of the grid in docs/sweep.md: four of 30 letters are wider than a panel."""
    first = Series(np.arange(0, 50, 10), np.arange(1.0, 6.0))
    names = [f"learning_rate {rate}, h_dim {h}" for rate in (0.0001, 0.001) for h in (64, 128)]
    png = bands_png({"loss": {name: [first] for name in names}}, {}, "x")
    with PIL.Image.open(io.BytesIO(png)) as picture:
        # A second row of names.
        assert picture.size == (800, 318)
        pixels = np.asarray(picture.convert("L"))
    # They are above the panel, which begins at 80 px, and not to the left of it.
    assert (pixels[28:60, :78] > 250).all()
    assert (pixels[28:60, 78:776] < 128).any()


def test_a_heading_has_room_for_few_names(tmp_path):
    systems = ("vanilla", "conditional", "layers", "lsgan")
    records = [
        read_record(make_run(tmp_path / system, system=system, dataset=40 * "x"))
        for system in systems
    ]
    config, data = SweepConfig(seeds="3:6"), "..." + 17 * "x"
    assert _heading(config, records[:2]) == f"vanilla and conditional on {data}, seeds 3 to 5"
    assert _heading(config, records) == f"4 systems on {data}, seeds 3 to 5"
