"""The lock of a folder: one holder, whom it names; gone with its process, however that ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
from collections.abc import Iterator

import pytest
from forked import exit_status, fork

from vanilla_gan.errors import OutputError, RunConflictError
from vanilla_gan.runfolder.lock import run_lock
from vanilla_gan.runfolder.names import LOCK


@contextlib.contextmanager
def another_process_in(folder) -> Iterator[int]:
    """Holds the lock in another process and yields its id; kills it afterwards."""
    locked, begin = os.pipe()

    def hold() -> None:
        with run_lock(folder):
            os.write(begin, b"locked")
            signal.pause()

    pid = fork(hold)
    assert os.read(locked, 6) == b"locked"
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        exit_status(pid)
        os.close(locked)
        os.close(begin)


def test_lock_names_its_holder(tmp_path):
    with run_lock(tmp_path):
        owner = json.loads((tmp_path / LOCK).read_text())
    assert owner["host"] == socket.gethostname()
    assert owner["pid"] == os.getpid()
    assert owner["started"].endswith("+00:00")


def test_lock_is_gone_afterwards(tmp_path):
    with run_lock(tmp_path):
        pass
    with pytest.raises(KeyError), run_lock(tmp_path):
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_live_holder_is_named(tmp_path):
    with another_process_in(tmp_path) as pid:
        with pytest.raises(RunConflictError) as caught, run_lock(tmp_path):
            pytest.fail("locked twice")
        line = str(caught.value)
        assert f"{tmp_path} is in use: process {pid} on {socket.gethostname()}, started 20" in line
        # The lock is still the other process's.
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == pid


def test_lock_holds_within_one_process_too(tmp_path):
    with run_lock(tmp_path):
        with pytest.raises(RunConflictError, match=f"process {os.getpid()}"), run_lock(tmp_path):
            pytest.fail("locked twice")
        assert (tmp_path / LOCK).exists()


def test_killed_holder_loses_the_lock(tmp_path):
    with another_process_in(tmp_path) as pid:
        pass
    assert json.loads((tmp_path / LOCK).read_text())["pid"] == pid
    with run_lock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"pid": 1, "host": "h"}'])
def test_lock_file_that_tells_nothing(tmp_path, content):
    (tmp_path / LOCK).write_bytes(content)
    with run_lock(tmp_path):
        (tmp_path / LOCK).write_bytes(content)
        with pytest.raises(RunConflictError, match="in use: another process"), run_lock(tmp_path):
            pytest.fail("locked twice")


def test_many_that_start_at_once(tmp_path):
    """Each takes the lock 50 times; a counter beside it never has two writers at once."""
    counter = tmp_path / "counter"
    counter.write_text("0")

    def add_fifty() -> None:
        done = 0
        while done < 50:
            with contextlib.suppress(RunConflictError), run_lock(tmp_path):
                counter.write_text(str(int(counter.read_text()) + 1))
                done += 1

    pids = [fork(add_fifty) for _ in range(4)]
    assert [exit_status(pid) for pid in pids] == [0] * 4
    assert counter.read_text() == "200"
    assert sorted(os.listdir(tmp_path)) == ["counter"]


def test_folder_that_moved_away_while_it_was_locked(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    with run_lock(here):
        here.rename(there)
        here.mkdir()
        with run_lock(here):  # a new folder of the same name
            pass
        assert os.listdir(here) == []
    assert os.listdir(there) == [LOCK]  # it removes nothing from a folder that has moved


def test_missing_folder(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*run\.lock"), run_lock(tmp_path / "gone"):
        pytest.fail("locked")


def test_a_link_is_not_followed(tmp_path):
    """In a folder from somebody else, it would empty the file that the link names."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    run = tmp_path / "run"
    run.mkdir()
    for link in (os.symlink, os.link):
        link(victim, run / LOCK)
        with pytest.raises(OutputError, match=r"write .*run\.lock: .*; remove it"), run_lock(run):
            pytest.fail("locked through a link")
        assert victim.read_text() == "precious"
        (run / LOCK).unlink()
    os.mkfifo(run / LOCK)
    with pytest.raises(OutputError, match=r"cannot write .*run\.lock"), run_lock(run):
        pytest.fail("locked a pipe")


@pytest.mark.parametrize(
    "number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL]
)
def test_a_file_system_without_locks(tmp_path, monkeypatch, number):
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    said: list[str] = []
    with run_lock(tmp_path, said.append):
        assert (tmp_path / LOCK).exists()
    assert len(said) == 1
    assert "has no locks" in said[0]
    assert os.listdir(tmp_path) == []
