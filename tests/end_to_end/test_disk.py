"""A disk that is full, read-only or gone: one line says what could not be written, nothing is lost.

When there is room again, the same command goes on, and ends where an undisturbed run does.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest
from mishaps import drop_privileges, kill, limit_file_size, make_read_only
from results import checkpoints, differences
from runner import Finished, Mishap


def assert_stopped(finished: Finished, path: str, reason: str) -> None:
    assert finished.status == 1, finished.stderr
    assert finished.last_line.startswith(f"run.sh: cannot write {path}: {reason}; ")
    assert finished.last_line.endswith("then give the same command again")
    assert "Traceback" not in finished.stderr


# A picture takes some 60 kB, a checkpoint's variables 245 kB, run.json 1.3 kB; losses.csv grows
# to 9 kB. The file with the run's stderr must not reach the limit first.
@pytest.mark.parametrize(
    ("after", "limit", "path", "newest"),
    [
        ("checkpoints/0000000120", 30_000, "out/003.png", 120),
        # A failure to write another kind of file stops a run in the same way.
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in (
                ("003.png", 100_000, "out/checkpoints/0000000160", 120),
                ("003.png", 3_000, "out/losses.csv", 120),
                ("checkpoints/0000000300", 1_200, "out/losses.png", 300),
                ("out/losses.png", 1_200, "out/run.json", 300),
            )
        ),
    ],
)
def test_full(tmp_path, command, words, continues, after, limit, path, newest):
    full = functools.partial(limit_file_size, limit)
    stopped = command(words(), [Mishap(full, operation="os.rename", path=after)])
    assert_stopped(stopped, path, "File too large")
    assert checkpoints(tmp_path / "out")[-1] == newest
    assert not list((tmp_path / "out").rglob(".*"))
    continues()


@pytest.mark.slow
def test_full_after_overwrite(command, words, continues):
    """With --overwrite, the same command would start from the beginning."""
    full = functools.partial(limit_file_size, 3_000)
    given = words(overwrite="true")
    stopped = command(given, [Mishap(full, operation="os.rename", path="003.png")])
    assert stopped.last_line.endswith("then give the same command without --overwrite again")
    continues()


@pytest.mark.slow
def test_full_for_event_files(tmp_path, command, words, continues):
    """The event files hold three pictures by then."""
    full = functools.partial(limit_file_size, 150_000)
    given = words(tensorboard="true")
    stopped = command(given, [Mishap(full, operation="os.rename", path="002.png")])
    (path,) = (tmp_path / "out" / "tensorboard").iterdir()
    assert_stopped(stopped, str(path.relative_to(tmp_path)), "File too large")
    continues(tensorboard="true")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "newest"),
    [("out/training.gif", 300), ("out/latest.png", 0), ("out/losses.png", 300)],
)
def test_pictures_that_cannot_be_written(tmp_path, command, words, continues, path, newest):
    """A folder is in the file's place from the first picture on."""
    there = functools.partial(os.mkdir, path)
    (tmp_path / "out").mkdir()
    stopped = command(words(), [Mishap(there, operation="os.rename", path="out/000.png")])
    assert_stopped(stopped, path, "Is a directory")
    assert checkpoints(tmp_path / "out")[-1] == newest
    (tmp_path / path).rmdir()
    continues()


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, size: str) -> Iterator[None]:
    """Mounts a file system of its own on a new folder; skips the test if that is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_small_disk(tmp_path, command, words, undisturbed):
    """The pictures fill the disk; wherever the run stops, the checkpoint before is good."""
    with small_disk(tmp_path / "disk", size="1300k"):
        given = words(out="disk/out")
        stopped = command(given)
        assert stopped.status == 1, stopped.stderr
        assert "run.sh: cannot write disk/out/" in stopped.last_line
        assert "No space left on device; free some space" in stopped.last_line
        assert "Traceback" not in stopped.stderr
        # The disk is still full: the command fails again, and does no further damage.
        again = command(given)
        assert again.status == 1
        assert "No space left on device" in again.last_line
        kept = checkpoints(tmp_path / "disk" / "out")
        assert len(kept) >= 2

        subprocess.run(["mount", "-o", "remount,size=16m", str(tmp_path / "disk")], check=True)
        finished = command(given)
        assert finished.status == 0, finished.stderr
        assert f"continuing at iteration {kept[-1]} of 300" in finished.stderr
        assert differences(tmp_path / "disk" / "out", undisturbed()) == []


def test_read_only_disk(tmp_path, command, words):
    with small_disk(tmp_path / "disk", size="4m"):
        given = words(out="disk/out", iters=20)
        assert command(given).status == 0
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
        stopped = command([*given, "--iters=30"])
        assert_stopped(stopped, "disk/out", "Read-only file system")
        subprocess.run(["mount", "-o", "remount,rw", str(tmp_path / "disk")], check=True)
        assert command([*given, "--iters=30"]).status == 0


@pytest.mark.parametrize(
    ("folders", "at", "path"),
    [
        (["out"], "003.png", "out/003.png"),
        pytest.param(
            ["out/checkpoints"], "003.png", "out/checkpoints/0000000160", marks=pytest.mark.slow
        ),
        pytest.param(
            ["out", "out/checkpoints"],
            "checkpoints/0000000160",
            "out/checkpoints/0000000160",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_made_read_only(tmp_path, command, words, continues, folders, at, path):
    action = functools.partial(make_read_only, *folders)
    stopped = command(
        words(), [Mishap(action, operation="os.rename", path=at)], prepare=drop_privileges
    )
    assert_stopped(stopped, path, "Permission denied")
    assert "make it writable" in stopped.last_line
    assert checkpoints(tmp_path / "out")[-1] == 120
    if "out" in folders:
        refused = command(words(), prepare=drop_privileges)
        assert_stopped(refused, "out", "Permission denied")
    for folder in folders:
        (tmp_path / folder).chmod(0o755)
    continues()


@pytest.mark.slow
def test_moved_away(tmp_path, command, words, continues):
    action = functools.partial(os.rename, "out", "elsewhere")
    stopped = command(words(), [Mishap(action, operation="os.rename", path="003.png")])
    assert_stopped(stopped, "out/003.png", "No such file or directory")
    assert "put back what was removed" in stopped.last_line
    assert not (tmp_path / "out").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "out")
    continues()


@pytest.mark.slow
def test_removed(tmp_path, command, words, continues):
    action = functools.partial(shutil.rmtree, "out")
    stopped = command(
        words(), [Mishap(action, operation="os.mkdir", path="checkpoints/.", count=5)]
    )
    assert_stopped(stopped, "out/checkpoints/0000000080", "No such file or directory")
    assert not (tmp_path / "out").exists()
    # There is nothing to continue, so the run starts from the beginning.
    continues()


def test_losses_removed(command, words):
    action = functools.partial(os.remove, "out/losses.csv")
    stopped = command(words(), [Mishap(action, operation="os.rename", path="003.png")])
    assert_stopped(stopped, "out/losses.csv", "it was removed")


@pytest.mark.slow
def test_stopped_while_the_disk_is_full(tmp_path, command, words, continues):
    """A signal that comes while nothing can be saved leaves the last checkpoint."""
    full = functools.partial(limit_file_size, 100_000)
    stop = functools.partial(kill, signal.SIGTERM)
    at_once = [Mishap(action, operation="os.rename", path="003.png") for action in (full, stop)]
    stopped = command(words(), at_once)
    assert stopped.status == 1
    assert "cannot write out/checkpoints/00000001" in stopped.last_line
    assert checkpoints(tmp_path / "out")[-1] == 120
    continues()
