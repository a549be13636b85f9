"""Where commands put their results: nothing of the user's or of a run is replaced."""

from __future__ import annotations

import os
import pathlib
import shutil

import pytest
from one_line import failure, success
from small_run import make_run

from vanilla_gan.cli import main as cli
from vanilla_gan.errors import UsageError
from vanilla_gan.runfolder.place import Place

# Each way to make a result, and the file that it writes beside the one that is named, if any.
WAYS = {
    "grid": (["sample", "--n=2", "--out"], None),
    "array": (["sample", "--n=2", "--format=npy", "--out"], None),
    "arrays": (["sample", "--n=2", "--format=npz", "--out"], None),
    "images": (["sample", "--n=2", "--format=idx", "--out"], "{}.labels-idx1-ubyte.gz"),
    "folder": (["sample", "--n=2", "--separate", "--out"], None),
    "walk": (["sample", "--n=2", "--interpolate=2", "--out"], "{stem}.gif"),
    "export": (["export", "--out"], None),
    "weights": (["export", "--format=npz", "--out"], None),
    "figures": (["evaluate", "--n=20", "--out"], None),
    "neighbours": (["evaluate", "--n=20", "--neighbours"], None),
    "page": (["report", "--out"], None),
    "import": (["import_weights", "--out"], None),
}


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> pathlib.Path:
    """Returns the current folder, with files of the user's and a run, `out`."""
    monkeypatch.chdir(tmp_path)
    make_run(pathlib.Path("out"), pictures=2)
    (tmp_path / "out" / "checkpoints" / "0000004001").mkdir(parents=True)
    (tmp_path / "important.png").write_bytes(b"mine")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "000.png").write_bytes(b"mine")
    (tmp_path / "thesis" / "thesis.tex").write_bytes(b"mine")
    return tmp_path


def given(way: str, name: str) -> list[str]:
    *words, flag = WAYS[way][0]
    source = ["--from=model.ckpt"] if words[0] == "import_weights" else ["--from=out"]
    return [*words, *source, f"{flag}={name}"]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_the_users_is_replaced_unasked(elsewhere, capsys, way):
    before = contents(elsewhere)
    for name in ("important.png", "thesis", "out", ".", "/", ".."):
        status, line = failure(capsys, *given(way, name))
        assert (status, name in line) == (2, True), line
    assert contents(elsewhere) == before


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_run_and_no_folder_is_replaced_even_when_asked(elsewhere, capsys, way):
    before = contents(elsewhere)
    of_the_run = ["run.json", "losses.csv", "health.csv", "000.png", "007.png", "latest.png"]
    of_the_run += ["checkpoints", "checkpoints/new", "best"]
    os.symlink("out", "link")
    for name in ("thesis", "out", *(f"link/{name}" for name in of_the_run)):
        status, line = failure(capsys, *given(way, name), "--overwrite")
        assert (status, name in line) == (2, True), line
    assert contents(elsewhere) == before


@pytest.mark.parametrize("way", [way for way, (_, beside) in WAYS.items() if beside])
def test_the_file_beside_the_one_that_is_named(elsewhere, capsys, way):
    name = "new-ubyte" if way == "images" else "new.png"
    beside = WAYS[way][1].format(name, stem="new")
    pathlib.Path(beside).write_bytes(b"mine")
    status, line = failure(capsys, *given(way, name))
    assert (status, beside in line) == (2, True), line
    assert pathlib.Path(beside).read_bytes() == b"mine"
    assert not pathlib.Path(name).exists()


@pytest.mark.parametrize("way", WAYS)
def test_names_that_are_too_long_and_folders_nobody_may_read(elsewhere, capsys, way, unprivileged):
    pathlib.Path("locked").mkdir(0o700)
    os.chmod("locked", 0)
    os.chmod(".", 0o755)
    with unprivileged():
        for name in ("n" * 300, f"{'n' * 300}/x", "locked/x", "none/x"):
            status, line = failure(capsys, *given(way, name))
            assert (status, "cannot write" in line) == (1, True), line


@pytest.mark.parametrize("command", ["sample", "export", "evaluate", "report", "compare"])
def test_sources_that_are_too_long_or_that_nobody_may_read(
    elsewhere, capsys, command, unprivileged
):
    pathlib.Path("locked").mkdir(0o700)
    os.chmod("locked", 0)
    os.chmod(".", 0o755)
    with unprivileged():
        for name in ("n" * 300, f"{'n' * 300}/x", "locked", "locked/x"):
            status, line = failure(capsys, command, f"--from={name}")
            # No file can have so long a name, so no run can be there: that may be wrong usage.
            expected = (1, 2) if "n" in name[:1] else (1,)
            assert (status in expected, name in line) == (True, True), line


def test_two_results_at_one_place(elsewhere, capsys):
    words = ["evaluate", "--from=out", "--out=new", "--neighbours=./new"]
    status, line = failure(capsys, *words)
    assert (status, "./new" in line) == (2, True)


def test_a_report_replaces_a_report_and_nothing_else(elsewhere, capsys):
    for _ in range(2):
        success(capsys, "report")
    first = pathlib.Path("out", "report.html").read_bytes()
    success(capsys, "report", "--out=page.html")
    success(capsys, "report", "--out=page.html")
    pathlib.Path("page.html").write_bytes(b'<!DOCTYPE html>\n<html lang="en">mine')
    assert failure(capsys, "report", "--out=page.html")[0] == 2
    success(capsys, "report", "--out=page.html", "--overwrite")
    assert pathlib.Path("page.html").read_bytes() == first
    assert failure(capsys, "sample", "--out=out/report.html", "--overwrite")[0] == 2


def test_samples_replace_samples_when_asked(elsewhere, trained_run, capsys):
    shutil.rmtree("thesis")
    source = f"--from={trained_run('vanilla')}"
    pathlib.Path("faces").mkdir()  # An empty folder may be replaced.
    for words in (["--separate", "--out=faces"], ["--interpolate=2", "--out=walk.png"]):
        success(capsys, "sample", source, "--n=2", "--seed=1", *words)
        before = contents(elsewhere)
        assert cli.main(["sample", source, "--n=3", *words]) == 2
        assert contents(elsewhere) == before
        success(capsys, "sample", source, "--n=3", "--seed=1", *words, "--overwrite")
        assert contents(elsewhere) != before
    assert sorted(os.listdir("faces")) == ["000.png", "001.png", "002.png"]
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_devices_and_pipes_are_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", pathlib.Path("/dev/null")):
        with pytest.raises(UsageError, match="not a regular file"):
            Place(path, overwrite=True).check()


def test_folders_made_for_a_failed_result_are_removed(tmp_path):
    """Folders that were there before stay, and so do those of a result that was written."""
    (tmp_path / "mine").mkdir()
    place = Place(tmp_path / "mine" / "a" / "b" / "x", overwrite=False)
    with pytest.raises(RuntimeError), place.whole():
        raise RuntimeError
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]
    with place.whole() as path:
        path.write_bytes(b"whole")
    assert place.path.read_bytes() == b"whole"
