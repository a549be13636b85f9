"""The program in environments that were not made for it: notebooks, containers, odd folders.

Most tests start `compare`, which draws and reads pictures with matplotlib and needs no TensorFlow.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess

import pytest
from processes import python

# A user id without an entry in the list of users, as in some containers.
NOBODY = 54321


@pytest.fixture
def compare(trained_run, tmp_path):
    """Returns a function that runs `compare` with given variables, in a folder of its own."""
    words = ("-m", "vanilla_gan", "compare", f"--from={trained_run('vanilla')}")
    return functools.partial(python, *words, cwd=tmp_path)


def assert_compared(done: subprocess.CompletedProcess[str]) -> None:
    # The only line says that the offline images have no recorded runs.
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "NOT JUDGED" in done.stdout


@pytest.mark.parametrize(
    "backend",
    [
        "module://matplotlib_inline.backend_inline",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("TkAgg", "widget", "")),
    ],
)
def test_backends_of_other_programs(compare, backend):
    assert_compared(compare(MPLBACKEND=backend))


@pytest.mark.slow
def test_a_fork_prints_no_lines_of_tensorflow(trained_run, tmp_path):
    words = ("fork", f"--from={trained_run('vanilla')}", "--iters=4", f"--out={tmp_path}/child")
    done = python("-m", "vanilla_gan", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^(I\d{4} |WARNING: All log)", done.stderr, re.MULTILINE)


def test_settings_of_other_programs(compare, tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"font.size: \xff\xfe\nno setting\n")
    home = tmp_path / "home"
    (home / ".config" / "matplotlib").mkdir(parents=True)
    (home / ".config" / "matplotlib" / "matplotlibrc").write_bytes(b"\xff\xfe")
    assert_compared(compare(HOME=str(home), XDG_CONFIG_HOME=None))


@pytest.mark.parametrize(
    "home",
    [
        "/dev/null",
        *(pytest.param(p, marks=pytest.mark.slow) for p in ("/nowhere/at/all", "/proc/1")),
    ],
)
def test_homes_that_cannot_hold_files(compare, home):
    assert_compared(compare(HOME=home, XDG_CONFIG_HOME=None, XDG_CACHE_HOME=None))


def test_a_stdout_that_takes_only_ascii(compare, trained_run, tmp_path):
    shutil.copytree(trained_run("vanilla"), tmp_path / "\u00fcn\u00ef")
    done = compare(f"--from={tmp_path}/\u00fcn\u00ef", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert_compared(done)
    assert f"{tmp_path}/\\xfcn\\xef: vanilla on mnist" in done.stdout


@pytest.mark.parametrize("others", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_a_name_from_a_file_on_such_a_stdout(others):
    code = (
        "from vanilla_gan.cli.environment import accept_every_character; "
        "accept_every_character(); print('v\\xf6gel')"
    )
    done = python("-c", code, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", **others)
    assert (done.returncode, done.stdout) == (0, "v\\xf6gel\n"), done.stderr


def test_names_that_python_and_tensorflow_spell_differently(compare):
    """Otherwise Python makes a folder that TensorFlow does not find, and the disk is blamed."""
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    assert_compared(compare(**ascii_only))
    done = compare("--from=\u00fcn\u00ef", **ascii_only)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "file names in ascii, but TensorFlow uses UTF-8; set PYTHONUTF8=1" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without an entry")
@pytest.mark.parametrize(("candidate", "status"), [("/tmp", 3), ("/proc", 1)])
def test_a_user_without_an_entry_or_a_home(trained_run, tmp_path, candidate, status):
    # Only the real user changes: Python looks that one up, and the files are still readable.
    code = (
        f"import os, sys, tempfile; os.setresuid({NOBODY}, 0, 0); "
        f"tempfile._candidate_tempdir_list = lambda: [{candidate!r}]; "
        "from vanilla_gan.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    nothing = dict.fromkeys(os.environ, None) | {"PATH": os.environ["PATH"]}
    words = ("-c", code, "compare", f"--from={trained_run('vanilla')}")
    done = python(*words, cwd=tmp_path, **nothing)
    assert done.returncode == status, done.stderr
    if status == 3:
        # stderr is not empty: matplotlib checks whether the real user could write to its folder.
        assert "NOT JUDGED" in done.stdout
    else:
        assert done.stderr.count("\n") == 1
        assert "set TMPDIR" in done.stderr
