"""`./run.sh fork`: without changes it equals the parent bit for bit; which changes are allowed."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import re
import shutil
import signal

import numpy as np
import pytest
from commands import small_run
from mishaps import kill
from offline import idx, read_losses
from one_line import failure
from results import differences, fingerprint, record
from runner import Mishap, run

from vanilla_gan.cli import main as cli
from vanilla_gan.runfolder.health_csv import read_health
from vanilla_gan.runfolder.quality_json import Evaluation, add_evaluation, read_evaluations
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.training import fork

ITERS = 160
AT_80 = "out/checkpoints/0000000080"
# The record names the parent, and the figure draws it beside the fork.
OF_ITS_OWN = {"run.json", "losses.png"}


@pytest.fixture(scope="module")
def parent(offline_data_dir, tmp_path_factory) -> pathlib.Path:
    """Returns a folder with a finished run in `out` that has checkpoints at 80, 120 and 160."""
    folder = tmp_path_factory.mktemp("parent")
    (folder / "data").symlink_to(offline_data_dir)
    finished = run([*small_run("data", iters=ITERS), "--out=out"], folder)
    assert finished.status == 0, finished.stderr
    return folder


@pytest.fixture
def there(parent, tmp_path) -> pathlib.Path:
    """Returns a copy of that folder, which a test may change."""
    shutil.copytree(parent, tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path


def changes(out: pathlib.Path) -> dict[str, list[object]]:
    listed = record(out)["parent"]["changes"]
    return {change["setting"]: [change["was"], change["is"]] for change in listed}


def test_without_a_change_it_is_the_parent_bit_for_bit(there, command):
    before = fingerprint(there / "out")
    finished = command(["fork", f"--from={AT_80}", "--out=new/child"])
    assert finished.status == 0, finished.stderr
    assert "continuing at iteration 80 of 160" in finished.stderr
    child = there / "new" / "child"
    assert set(differences(child, there / "out")) == OF_ITS_OWN
    assert fingerprint(there / "out") == before
    ours, theirs = record(child), record(there / "out")
    assert ours["run_id"] != theirs["run_id"]
    manifest = (there / AT_80 / "manifest.json").read_bytes()
    assert ours["parent"].pop("checkpoint") == hashlib.sha256(manifest).hexdigest()
    assert ours["parent"] == {
        "path": str(there / "out"),
        "run_id": theirs["run_id"],
        "iteration": 80,
        "changes": [],
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "given"), [("layers", {}), ("conv", {"h_dim": None}), ("conditional", {})]
)
def test_other_systems(there, command, system, given):
    settings = {**given, "system": system, "iters": 12, "checkpoint_every": 3, "sample_every": 5}
    words = small_run("data", **settings)
    assert command([*words, "--out=other", "--keep_checkpoints=9"]).status == 0
    finished = command(["fork", "--from=other/checkpoints/0000000006", "--out=child"])
    assert finished.status == 0, finished.stderr
    different = differences(there / "child", there / "other")
    assert {name for name in different if "checkpoints/000000000" not in name} == OF_ITS_OWN


def test_changes_apply_from_there_on(there, command):
    flags = ["--learning_rate=0.01", "--sample_every=25", "--iters=140", "--out=child"]
    finished = command(["fork", f"--from={AT_80}", *flags])
    assert finished.status == 0, finished.stderr
    ours, theirs = read_losses(there / "child"), read_losses(there / "out")
    assert len(ours) == 140
    # The loss of iteration 80 is taken before its update.
    np.testing.assert_array_equal(ours[:80], theirs[:80])
    assert (ours[82:, 1] != theirs[82:140, 1]).all()
    assert changes(there / "child") == {
        "iters": [160, 140],
        "learning_rate": [0.001, 0.01],
        "sample_every": [50, 25],
    }
    # The parent's pictures of iterations 0 and 50, and the fork's own from 100 on.
    pictures = sorted(path.name for path in (there / "child").glob("0*.png"))
    assert pictures == ["000.png", "002.png", "004.png", "005.png"]
    for ours_, theirs_ in (("000", "000"), ("002", "001")):
        assert (there / "child" / f"{ours_}.png").read_bytes() == (
            there / "out" / f"{theirs_}.png"
        ).read_bytes()
    page = command(["report", "--from=child", "--out=report.html"])
    assert page.status == 0, page.stderr
    # What people read, without the HTML tags around the flags of the command.
    text = re.sub(r"</?span[^>]*>", "", (there / "report.html").read_text())
    assert f"{there / 'out'}, run {record(there / 'out')['run_id']}, at iteration 80" in text
    assert "fork --from" in text
    assert "--learning_rate 0.01" in text
    # A fork of the fork without changes is judged from the same iteration.
    assert command(["fork", "--from=child", "--out=grandchild"]).status == 0
    judged = [read_record(there / name).judged_from for name in ("out", "child", "grandchild")]
    assert judged == [0, 80, 80]


@pytest.mark.slow
def test_signs_of_the_parent_end_where_the_fork_begins(there, command):
    words = small_run("data", iters=90, health_every=20, checkpoint_every=40, keep_checkpoints=9)
    assert command([*words, "--out=watched"]).status == 0
    words = ["fork", "--from=watched/checkpoints/0000000040", "--health_every=0", "--out=child"]
    assert command([*words, "--iters=60"]).status == 0
    found = read_health(there / "child" / "health.csv").with_signs()
    assert found.iteration.tolist() == [0, 20]


@pytest.mark.slow
def test_another_seed_draws_other_numbers_from_there_on(there, command):
    for seed, out in ((8, "one"), (8, "two"), (9, "three")):
        finished = command(["fork", f"--from={AT_80}", f"--seed={seed}", f"--out={out}"])
        assert finished.status == 0, finished.stderr
    rows = {out: read_losses(there / out) for out in ("out", "one", "two", "three")}
    for out in ("one", "two", "three"):
        np.testing.assert_array_equal(rows[out][:80], rows["out"][:80])
    np.testing.assert_array_equal(rows["one"], rows["two"])
    assert (rows["one"][81:, 1] != rows["out"][81:, 1]).all()
    assert (rows["one"][81:, 1] != rows["three"][81:, 1]).all()
    # The fork's first checkpoint is the parent's, with the parent's random state.
    for out, given in (("four", []), ("five", ["--seed=8"])):
        finished = command(["fork", "--from=one/checkpoints/0000000080", f"--out={out}", *given])
        assert finished.status == 0, finished.stderr
        np.testing.assert_array_equal(read_losses(there / out), rows["one"])


@pytest.mark.slow
def test_other_data_with_as_many_images(there, command, offline_data_dir):
    other = there / "others" / "mnist"
    shutil.copytree(offline_data_dir / "mnist", other)
    (other / "t10k-images-idx3-ubyte").write_bytes(idx(np.ones((10, 28, 28))))
    add_evaluation(there / "out", Evaluation(50, 10, {"frechet": 1.0}))
    for words, figures in (([], [50]), (["--data_dir=others"], [])):
        finished = command(["fork", f"--from={AT_80}", *words, "--out=child", "--overwrite"])
        assert finished.status == 0, finished.stderr
        # Figures measured on other data are not the fork's own.
        found = [each.iteration for each in read_evaluations(there / "child")]
        assert found == figures
    data = [record(there / out)["dataset"]["checksum"] for out in ("child", "out")]
    assert data[0] != data[1]
    assert changes(there / "child") == {"data_dir": ["data", "others"]}
    for count in (999, 1001):
        of_both = {"images-idx3": (5000 + count, 28, 28), "labels-idx1": (5000 + count,)}
        for name, shape in of_both.items():
            (other / f"train-{name}-ubyte").write_bytes(idx(np.zeros(shape)))
        finished = command(["fork", f"--from={AT_80}", "--data_dir=others", "--out=child2"])
        assert finished.status == 2
        said = f"has {count} images to train on, but the parent's data had 1000"
        assert said in finished.last_line
        assert not (there / "child2").exists()


def test_other_data_beside_the_parents(there, offline_data_dir):
    """The data are found from any folder."""
    (there / "data").unlink()
    for name in ("mnist", "others"):
        shutil.copytree(offline_data_dir / "mnist", there / "data" / name)
    (there / "below").mkdir()
    words = ["fork", f"--from=../{AT_80}", "--dataset=others", "--out=child"]
    finished = run(words, there / "below")
    assert finished.status == 0, finished.stderr
    assert record(there / "below" / "child")["dataset"]["name"] == "others"


@pytest.mark.slow
def test_the_same_command_continues_it(there, command):
    words = ["fork", "--from=out/checkpoints/0000000120", "--iters=240", "--out=child"]
    killed = Mishap(kill, operation="os.rename", path="checkpoints/0000000200")
    assert command(words, [killed]).status == -signal.SIGKILL
    # The parent drops its old checkpoints; the fork needs none of them any more.
    shutil.rmtree(there / "out/checkpoints/0000000120")
    for other in ("out/checkpoints/0000000080", "child/checkpoints/0000000120"):
        assert command(["fork", f"--from={other}", "--out=child"]).status == 2
    finished = command(words)
    assert finished.status == 0, finished.stderr
    assert "continuing at iteration 160 of 240" in finished.stderr
    assert command(["--out=out", "--iters=240"]).status == 0
    assert set(differences(there / "child", there / "out")) == OF_ITS_OWN


@pytest.mark.parametrize(
    "count", [10, *(pytest.param(count, marks=pytest.mark.slow) for count in (4, 16))]
)
def test_killed_while_it_is_made(there, command, count):
    """The fork is complete or absent, wherever the kill comes."""
    words = ["fork", f"--from={AT_80}", "--out=child", "--iters=81"]
    killed = command(words, [Mishap(kill, path="child", count=count)])
    assert killed.status == -signal.SIGKILL, killed.stderr
    child = there / "child"
    assert (child / "run.json").exists() or not any(child.glob("[!.]*"))
    finished = command(words)
    assert finished.status == 0, finished.stderr
    assert len(read_losses(there / "child")) == 81


@pytest.mark.parametrize(
    ("flags", "status", "said"),
    [
        (["--from=out", "--out=out"], 2, "it holds another run, which is not a fork"),
        (["--from=out", "--out=out", "--overwrite"], 2, "the parent is in this folder"),
        (["--from=out", "--out=.", "--overwrite"], 2, "the parent is in this folder"),
        (["--from=out", "--out=out/checkpoints/new"], 2, "belongs to the run in"),
        (["--from=out", "--out=data"], 2, "it already contains other things, such as mnist"),
        (["--from=out", "--out=new", "--h_dim=14"], 2, "--h_dim was 13, is 14: a fork"),
        (["--from=out", "--out=new", "--system=conv"], 2, "--system was vanilla, is conv: a fork"),
        (["--from=out", "--out=new", "--dropout_rate=0.5"], 2, "does not apply to --system van"),
        (["--from=out", "--out=new", "--sample_class=3"], 2, "does not apply to --system vanilla"),
        (["--from=out", "--out=new", "--init_weights=w.npz"], 2, "this setting only matters when"),
        (["--from=out", "--out=new", "--batch_size=1001"], 2, "at most the number of training"),
        (["--from=out"], 2, "--out is missing: expected a folder for the new run"),
        (["--from=model", "--out=new"], 2, "it is an export, which has no state to continue from"),
        (["--from=out", "--out=new", "--dataset=minst"], 2, "did you mean 'mnist'"),
        (["--out=new"], 2, "--from is missing: expected the folder of a run"),
        (["--from=none", "--out=new"], 1, "none does not exist; expected"),
        (["--from=out/checkpoints/0000000040", "--out=new"], 1, "0000000040 does not exist"),
        (["--from=out", "--out=new", "--device=gpu:77"], 1, "sees no GPU"),
        (["--from=out", "--out=other", "--overwrite", "--device=gpu:77"], 1, "sees no GPU"),
        (["--from=out", "--out=other", "--overwrite", "--data_dir=w"], 1, "w/mnist lacks"),
        (["--from=out", "--out=other", "--overwrite", "--data_dir=other/d"], 2, "move the data"),
        (["--from=out", "--out=other/000.png"], 2, "or a part of its path, is a file"),
        (["--from=out", "--out=" + "x" * 300], 1, "choose a shorter name"),
    ],
)
def test_refused_forks(there, monkeypatch, capsys, flags, status, said):
    monkeypatch.chdir(there)
    shutil.copytree("out", "other")
    shutil.copytree("data", "other/d")
    os.mkdir("model")
    pathlib.Path("model/vanilla_gan.json").write_text("{}")
    before = fingerprint(there)
    found, line = failure(capsys, "fork", *flags)
    assert (found, said in line) == (status, True), line
    assert fingerprint(there) == before
    assert not (there / "new").exists()


def test_a_signal_does_not_wait_for_the_data(there, monkeypatch, capsys):
    """The data may have to be downloaded."""
    monkeypatch.chdir(there)
    shutil.copytree("out", "other")
    waited = []

    def read(*words: object) -> None:
        signal.raise_signal(signal.SIGTERM)
        waited.append(words)

    monkeypatch.setattr(fork, "check_needs", read)
    status, line = failure(capsys, "fork", "--from=out", "--out=other", "--overwrite")
    assert (status, waited) == (143, []), line
    assert not os.path.exists("other.1")


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_from_within_an_empty_folder(there, monkeypatch, capsys, more):
    """The folder would be removed and replaced, with the command still in the removed one."""
    (there / "new").mkdir()
    monkeypatch.chdir(there / "new")
    words = [f"--from=../{AT_80}", "--out=.", *more]
    found, line = failure(capsys, "fork", *words)
    assert (found, "which is your current folder" in line) == (2, True), line
    assert os.listdir() == []


def test_damaged_rows_of_the_parent_do_not_matter(there, command):
    rows = there / "out" / "losses.csv"
    rows.write_text("iteration,d_loss,g_loss\n0,1,2\n")
    finished = command(["fork", f"--from={AT_80}", "--out=new", "--iters=90"])
    assert finished.status == 0, finished.stderr
    assert finished.stderr.count("warning: ") == 1
    assert rows.read_text().endswith("0,1,2\n")
    assert [int(row[0]) for row in read_losses(there / "new")] == [*range(80, 90)]


def test_unreadable_results_are_left_out(there, command):
    """A pipe is not waited for, and a huge sparse file is not copied."""
    out = there / "out"
    for name in ("000.png", "quality.json"):
        (out / name).unlink(missing_ok=True)
        os.mkfifo(out / name)
    with (out / "001.png").open("wb") as sparse:
        sparse.truncate(1 << 40)
    finished = command(["fork", f"--from={AT_80}", "--out=new", "--iters=90"])
    assert finished.status == 0, finished.stderr
    left_out = [line for line in finished.stderr.splitlines() if "is left out: " in line]
    assert [line.split()[1] for line in left_out] == [
        f"out/{name}" for name in ("000.png", "001.png", "quality.json")
    ]
    assert not (there / "new" / "000.png").exists()
    assert len(read_losses(there / "new")) == 90


@pytest.mark.slow
def test_an_earlier_run_is_moved_aside(there, command, monkeypatch):
    assert command([*small_run("data", iters=3), "--out=child"]).status == 0
    first = fingerprint(there / "child")
    finished = command(["fork", f"--from={AT_80}", "--out=child", "--iters=90", "--overwrite"])
    assert finished.status == 0, finished.stderr
    assert fingerprint(there / "child.1") == first
    assert len(read_losses(there / "child")) == 90
    stopped = command(
        ["fork", f"--from={AT_80}", "--out=child", "--iters=150", "--overwrite"],
        [Mishap(functools.partial(kill, signal.SIGTERM), operation="os.rename", path="002.png")],
    )
    assert stopped.status == 143
    assert "the same command without --overwrite continues it" in stopped.last_line
    shutil.rmtree(there / "child")
    shutil.move(there / "child.2", there / "child")
    # From within the folder that is moved aside.
    words = ["fork", f"--from=../{AT_80}", "--out=.", "--iters=91", "--overwrite"]
    monkeypatch.chdir(there / "child")
    assert cli.main(words) == 0
    assert len(read_losses(there / "child.2")) == 90
    assert len(read_losses(there / "child")) == 91
