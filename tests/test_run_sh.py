"""What run.sh decides: which Python, when to set up, when to wait, what to pass on.

See run_sh_clone.py for the stand-in machine that these tests run it on.
"""

from __future__ import annotations

import ast
import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys

import pytest
from run_sh_clone import ROOT, TIME_LIMIT_S, Clone, make_executable

# The arguments that pytest gets for the whole suite, as the clone's stand-in prints them.
ON_SEVERAL_CORES = "<-n>\n<auto>\n<--maxprocesses>\n<4>\n<--dist>\n<worksteal>\n"


@pytest.fixture
def clone(tmp_path: pathlib.Path) -> Clone:
    return Clone(tmp_path)


@pytest.fixture
def ready(clone: Clone) -> Clone:
    """Returns a clone that is set up, with its calls forgotten."""
    assert clone.start().returncode == 0
    clone.calls()
    return clone


def read_first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    ready, _, _ = select.select([process.stderr], [], [], TIME_LIMIT_S)
    assert ready, "nothing was said"
    return process.stderr.readline()


def test_the_script_is_bash() -> None:
    subprocess.run(["bash", "-n", str(ROOT / "run.sh")], check=True)


def test_a_checkout_keeps_its_line_endings(tmp_path: pathlib.Path) -> None:
    """bash takes a carriage return as part of the last word; other files have checksums."""
    names = ["run.sh", ".ci/run", "setup.py", "tests/data/vanilla_offline_seed0.npz"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    settings = ["-c", "core.autocrlf=true", "-c", "user.name=x", "-c", "user.email=x@localhost"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *settings, *words], cwd=tmp_path, check=True, capture_output=True)
    for name in names:
        (tmp_path / name).unlink()
    subprocess.run(["git", *settings, "checkout", "-q", "."], cwd=tmp_path, check=True)
    for name in names:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_first_start_sets_up_with_one_line_and_runs(clone: Clone) -> None:
    done = clone.start()
    assert done.returncode == 0
    assert clone.calls() == ["venv", "pip .", "vanilla_gan"]
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("run.sh: setting up .venv")
    assert done.stdout == f"cwd {clone.cwd}\nisolated yes\n"


@pytest.mark.parametrize("words", [(), ("test",)], ids=["program", "pytest"])
def test_nothing_of_the_shells_python_gets_in(ready: Clone, words: tuple[str, ...]) -> None:
    """Another Python's numpy on PYTHONPATH would end every start in a traceback."""
    done = ready.start(*words, PYTHONPATH="/elsewhere", PYTHONHOME="/nowhere")
    assert done.returncode == 0
    assert "the shell's Python" not in done.stdout


def test_second_start_installs_nothing_and_is_silent(ready: Clone) -> None:
    done = ready.start()
    assert ready.calls() == ["vanilla_gan"]
    assert done.stderr == ""


def test_arguments_and_folder_are_the_callers(ready: Clone) -> None:
    arguments = ["train", "--out", "a  b", "", "*", "$HOME", "it's", 'a"b', "--", "-x\ny"]
    done = ready.start(*arguments)
    expected = [f"cwd {ready.cwd}", "isolated yes", *(f"<{word}>" for word in arguments)]
    assert done.stdout == "\n".join(expected) + "\n"


@pytest.mark.parametrize("words", [(), ("test",)], ids=["program", "pytest"])
def test_exit_status_is_passed_on(clone: Clone, words: tuple[str, ...]) -> None:
    assert clone.start(*words, STATUS="130").returncode == 130


@pytest.mark.parametrize("name", ["setup.py", "constraints.txt"])
def test_a_change_installs_again_into_the_same_venv(ready: Clone, name: str) -> None:
    with open(ready.root / name, "a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    ready.start()
    assert ready.calls() == ["pip .", "vanilla_gan"]
    ready.start()
    assert ready.calls() == ["vanilla_gan"]


def test_links_to_the_script_lead_to_its_folder(clone: Clone) -> None:
    links = clone.folder / "some" / "where"
    links.mkdir(parents=True)
    (links / "relative").symlink_to(pathlib.Path("..", "..", clone.root.name, "run.sh"))
    absolute = clone.cwd / "my gan"
    absolute.symlink_to(links / "relative")
    assert clone.start(script=absolute).stdout.startswith(f"cwd {clone.cwd}\n")
    assert (clone.root / ".venv" / "set-up").is_file()


def test_other_shells_hand_over_to_bash(clone: Clone) -> None:
    command = ["sh", str(clone.root / "run.sh"), "a  b"]
    done = subprocess.run(
        command, env=clone.environment({}), capture_output=True, text=True, check=True
    )
    assert "<a  b>" in done.stdout


@pytest.mark.parametrize("shell", [[], ["bash", "--posix"]])
def test_a_log_that_cannot_be_written_is_one_line(clone: Clone, shell: list[str]) -> None:
    """Also with `sh run.sh`, if sh is bash: an error of `exec` would end it without a message."""
    clone.log.mkdir()
    done = subprocess.run(
        [*shell, str(clone.root / "run.sh")],
        env=clone.environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"run.sh: cannot write {clone.log}; make {clone.root} writable\n"


@pytest.mark.parametrize("option", ["errexit", "noclobber"])
def test_inherited_shell_options_change_nothing(clone: Clone, option: str) -> None:
    """As from `bash -e run.sh`, where a first start once ended without a message."""
    (clone.root / ".venv.log").write_text("of an earlier start\n")
    done = clone.start("x", SHELLOPTS=option)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "<x>")
    assert "earlier" not in clone.log.read_text()


def test_a_relative_start_ignores_cdpath(clone: Clone) -> None:
    (clone.cwd / clone.root.name).mkdir()
    subprocess.run(
        ["bash", f"{clone.root.name}/run.sh"],
        cwd=clone.folder,
        env=clone.environment({"CDPATH": str(clone.cwd)}),
        capture_output=True,
        check=True,
    )
    assert (clone.root / ".venv" / "set-up").is_file()


def test_a_start_by_bare_name_finds_its_folder(clone: Clone) -> None:
    subprocess.run(
        ["bash", "run.sh"],
        cwd=clone.root,
        env=clone.environment({}),
        capture_output=True,
        check=True,
    )
    assert (clone.root / ".venv" / "set-up").is_file()


def test_a_moved_clone_gets_a_new_venv(ready: Clone) -> None:
    ready.root = ready.root.rename(ready.folder / "moved")
    ready.start()
    assert ready.calls() == ["venv", "pip .", "vanilla_gan"]


def test_an_apostrophe_in_the_path_causes_no_new_venv(clone: Clone) -> None:
    """Since Python 3.12.8, `activate` holds the path quoted as by `shlex.quote`."""
    clone.root = clone.root.rename(clone.folder / "Bob's clone")
    clone.start()
    venv = clone.root / ".venv"
    (venv / "bin" / "activate").write_text(f"VIRTUAL_ENV={shlex.quote(str(venv))}\n")
    (clone.root / "constraints.txt").write_text("", encoding="utf-8")
    clone.start()
    assert clone.calls() == ["venv", "pip .", "vanilla_gan", "pip .", "vanilla_gan"]


def test_a_venv_whose_python_is_gone_is_replaced(ready: Clone) -> None:
    python = ready.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(ready.folder / "uninstalled")
    ready.start()
    assert ready.calls() == ["venv", "pip .", "vanilla_gan"]


def test_a_linked_venv_is_used_but_its_target_is_never_emptied(ready: Clone) -> None:
    venv, disk = ready.root / ".venv", ready.folder / "disk"
    venv.rename(disk)
    venv.symlink_to(disk)
    ready.start()
    assert ready.calls() == ["vanilla_gan"]
    (disk / "bin" / "pip").unlink()
    (disk / "thesis.tex").write_text("mine")
    before = sorted(path.name for path in disk.iterdir())
    (ready.root / "setup.py").write_text("other")
    done = ready.start()
    assert done.returncode == 1
    assert f"{venv} is a link" in done.stderr
    assert ready.calls() == []
    assert sorted(path.name for path in disk.iterdir()) == before


def test_a_venv_whose_pip_is_missing_is_replaced(ready: Clone) -> None:
    (ready.root / ".venv" / "bin" / "pip").unlink()
    (ready.root / ".venv" / "set-up").unlink()
    ready.start()
    assert ready.calls() == ["venv", "pip .", "vanilla_gan"]


def test_another_requested_python_replaces_the_venv(ready: Clone) -> None:
    other = ready.bin / "another python"
    other.symlink_to(ready.python)
    ready.start(VANILLA_GAN_PYTHON=str(other))
    assert ready.calls() == ["venv", "pip .", "vanilla_gan"]
    ready.start(VANILLA_GAN_PYTHON=str(other))
    ready.start()
    assert ready.calls() == ["vanilla_gan", "vanilla_gan"]


def test_test_runs_pytest_here_with_its_extra(ready: Clone) -> None:
    done = ready.start("test", "-k", "a b")
    assert ready.calls() == ["pip .[test]", "pytest"]
    assert done.stdout == f"cwd {ready.root}\nisolated \n<-k>\n<a b>\n"
    ready.start()
    done = ready.start("test")
    assert ready.calls() == ["vanilla_gan", "pytest"]
    assert done.stdout == f"cwd {ready.root}\nisolated \n" + ON_SEVERAL_CORES


def test_extras_outlive_a_change(ready: Clone) -> None:
    ready.start("test")
    ready.calls()
    (ready.root / "constraints.txt").write_text("", encoding="utf-8")
    ready.start()
    assert ready.calls() == ["pip .[test]", "vanilla_gan"]


def test_ci_runs_the_whole_suite(clone: Clone) -> None:
    (clone.root / ".ci").mkdir()
    script = clone.root / ".ci" / "run"
    shutil.copy(ROOT / ".ci" / "run", script)
    done = clone.start(script=script, STATUS="5")
    assert done.returncode == 5
    assert done.stdout == f"cwd {clone.root}\nisolated \n" + ON_SEVERAL_CORES
    assert clone.calls() == ["venv", "pip .[test]", "pytest"]


def test_ci_goes_on_if_no_browser_can_be_installed(clone: Clone) -> None:
    (clone.root / ".ci").mkdir()
    script = clone.root / ".ci" / "run"
    shutil.copy(ROOT / ".ci" / "run", script)
    make_executable(clone.bin / "id", "#!/bin/sh\necho 0\n")
    calls = shlex.quote(str(clone.calls_path))
    make_executable(clone.bin / "apt-get", f'#!/bin/sh\necho "apt-get $1" >>{calls}; exit 100\n')
    done = clone.start(script=script)
    assert done.returncode == 0
    assert clone.calls() == ["apt-get update", "venv", "pip .[test]", "pytest"]
    assert "no chromium could be installed" in done.stderr
    # An existing driver is not installed again.
    make_executable(clone.bin / "chromedriver", "#!/bin/sh\n")
    assert clone.start(script=script).returncode == 0
    assert clone.calls() == ["pytest"]


def test_an_extra_that_cannot_be_installed_takes_nothing_away(ready: Clone) -> None:
    """For example without a network, which a finished .venv does not need."""
    no_network = {"PIP_FAILS": "ERROR: no route to host"}
    assert ready.start("test", **no_network).returncode == 1
    assert ready.start(**no_network).returncode == 0
    assert ready.calls() == ["pip .[test]", "vanilla_gan"]
    gpu = make_executable(ready.bin / "nvidia-smi", "#!/bin/sh\necho 'GPU 0: x'\n")
    done = ready.start(**no_network)
    assert (done.returncode, "without them" in done.stderr) == (0, True), done.stderr
    gpu.unlink()
    assert ready.calls() == ["pip .[gpu]", "vanilla_gan"]
    assert ready.start(**no_network).returncode == 0
    assert ready.calls() == ["vanilla_gan"]


def test_a_working_gpu_brings_cuda(ready: Clone) -> None:
    nvidia_smi = make_executable(ready.bin / "nvidia-smi", "#!/bin/sh\necho no driver; exit 9\n")
    ready.start()
    assert ready.calls() == ["vanilla_gan"]
    make_executable(nvidia_smi, '#!/bin/sh\n[ "$1" = -L ] && echo "GPU 0: Some GPU (UUID: 1)"\n')
    ready.start("test")
    assert ready.calls() == ["pip .[test,gpu]", "pytest"]
    # Once they are installed, nvidia-smi is not asked again, and the libraries stay.
    make_executable(nvidia_smi, f"#!/bin/sh\necho asked >>{shlex.quote(str(ready.calls_path))}\n")
    ready.start()
    assert ready.calls() == ["vanilla_gan"]


def test_a_read_only_clone_starts_beside_a_gpu(ready: Clone) -> None:
    """Somebody set it up on a machine without a GPU, for others whose machines may have one."""
    ready.log.unlink()
    ready.log.mkdir()
    make_executable(ready.bin / "nvidia-smi", "#!/bin/sh\necho 'GPU 0: x'\n")
    done = ready.start()
    assert (done.returncode, "without them" in done.stderr) == (0, True), done.stderr
    assert ready.start("test").returncode == 1
    assert ready.calls() == ["vanilla_gan"]


def test_pythons_that_fail_or_do_not_fit_are_passed_over(clone: Clone) -> None:
    (clone.bin / "python3").unlink()
    make_executable(clone.bin / "python3", "#!/bin/sh\necho 3.9.2, not 3.10 to 3.13; exit 1\n")
    make_executable(clone.bin / "python3.12", "#!/bin/sh\necho no such version >&2; exit 127\n")
    (clone.bin / "python3.11").symlink_to(clone.python)
    assert clone.start().returncode == 0
    assert clone.calls() == ["venv", "pip .", "vanilla_gan"]


def test_pyenv_versions_that_are_switched_off_are_found(clone: Clone) -> None:
    (clone.bin / "python3").unlink()
    hidden = clone.folder / ".pyenv" / "versions" / "3.10.13" / "bin"
    hidden.mkdir(parents=True)
    (hidden / "python3").symlink_to(clone.python)
    assert clone.start().returncode == 0


def test_no_suitable_python_is_one_line_that_lists_those_found(clone: Clone) -> None:
    old, shim = clone.bin / "python3", clone.bin / "python3.13"
    old.unlink()
    make_executable(old, "#!/bin/sh\necho '3.9.2, not 3.10 to 3.13'; exit 1\n")
    make_executable(shim, "#!/bin/sh\nexit 127\n")
    done = clone.start()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"found {old} (3.9.2, not 3.10 to 3.13), {shim} (does not run);" in done.stderr
    assert not (clone.root / ".venv").exists()


def test_the_requested_python_is_the_only_one_tried(clone: Clone) -> None:
    missing = str(clone.folder / "no python")
    done = clone.start(VANILLA_GAN_PYTHON=missing)
    assert done.returncode == 1
    assert f"found {missing} (does not run);" in done.stderr


def test_the_probe_refuses_other_versions_and_kinds() -> None:
    """The probe is run as written in the script, under a Python that pretends to be another."""
    script = (ROOT / "run.sh").read_text(encoding="utf-8")
    probe = re.search(r"readonly PROBE='\n(.*?)\n'", script, re.DOTALL)
    assert probe is not None
    for pretence, flaw in [
        ("", None),
        ("sys.version_info = (3, 9, 18)", "not 3.10 to 3.13"),
        ("sys.version_info = (3, 14, 0)", "not 3.10 to 3.13"),
        ("sys.version_info = (3, 10, 0)", None),
        ("platform.python_implementation = lambda: 'PyPy'", "not CPython"),
        ("sys.maxsize = 2**31 - 1", "32 bits"),
        ("sys.modules['ensurepip'] = None", "python3-venv"),
    ]:
        program = f"import platform, sys\n{pretence}\n{probe.group(1)}"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert done.returncode == (0 if flaw is None else 1), (pretence, done.stderr)
        assert flaw is None or flaw in done.stdout


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("  ERROR: no route\n\nnote: not pip's fault\n1\n2\n3\n4\n5", ["ERROR: no route"]),
        ("1\n2\n3\n4\n5\nKilled", ["2", "3", "4", "5", "Killed"]),
    ],
    ids=["errors", "no errors"],
)
def test_a_failed_installation_says_why_and_is_tried_again(
    clone: Clone, printed: str, shown: list[str]
) -> None:
    done = clone.start(PIP_FAILS=printed)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[1:-1] == shown
    assert lines[-1].startswith("run.sh: could not install")
    assert str(clone.log) in lines[-1]
    assert clone.calls() == ["venv", "pip ."]
    assert clone.start().returncode == 0
    assert clone.calls() == ["pip .", "vanilla_gan"]


def test_a_killed_installation_is_completed_by_the_next_start(clone: Clone) -> None:
    with clone.gated() as gate, clone.begin(GATED="1") as killed:
        gate.wait_for_start()
        os.killpg(killed.pid, signal.SIGKILL)
    assert clone.calls() == ["venv", "pip ."]
    assert clone.start().returncode == 0
    assert clone.calls() == ["pip .", "vanilla_gan"]


def test_a_killed_change_leaves_no_stamp_behind(ready: Clone) -> None:
    constraints = ready.root / "constraints.txt"
    before = constraints.read_bytes()
    constraints.write_bytes(b"")
    with ready.gated() as gate, ready.begin(GATED="1") as killed:
        gate.wait_for_start()
        os.killpg(killed.pid, signal.SIGKILL)
    constraints.write_bytes(before)
    ready.start()
    assert ready.calls() == ["pip .", "pip .", "vanilla_gan"]


def test_simultaneous_starts_install_once(clone: Clone) -> None:
    with clone.gated() as gate, clone.begin("first", GATED="1") as first:
        gate.wait_for_start()
        with clone.begin("second") as second:
            assert "another start is setting up" in read_first_line(second)
            gate.open()
            assert "<first>" in first.communicate(timeout=TIME_LIMIT_S)[0]
            assert "<second>" in second.communicate(timeout=TIME_LIMIT_S)[0]
    assert sorted(clone.calls()) == ["pip .", "vanilla_gan", "vanilla_gan", "venv"]


def test_a_pip_left_by_a_killed_start_is_waited_for(clone: Clone) -> None:
    with clone.gated() as gate, clone.begin(GATED="1") as killed:
        gate.wait_for_start()
        killed.kill()
        with clone.begin() as second:
            assert "another start is setting up" in read_first_line(second)
            gate.open()
            second.communicate(timeout=TIME_LIMIT_S)
            assert second.returncode == 0
    assert clone.calls() == ["venv", "pip .", "pip .", "vanilla_gan"]


def test_constraints_pin_every_dependency_once_and_exactly() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert len(pins) == len(lines)
    names = {re.split(r"[^A-Za-z0-9_.-]", wanted)[0] for wanted in read_requirements()}
    assert {"tensorflow", "numpy", "pytest"} <= names
    assert names <= set(pins)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires = ["setuptools=={pins["setuptools"]}"]' in project


def read_requirements() -> list[str]:
    """Returns every requirement in setup.py, extras included, without running it."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    arguments = {
        keyword.arg: ast.literal_eval(keyword.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in ("install_requires", "extras_require")
    }
    extras = [name for wanted in arguments["extras_require"].values() for name in wanted]
    return [*arguments["install_requires"], *extras]


def test_setting_up_shows_its_progress_on_a_terminal(clone: Clone) -> None:
    controller, terminal = pty.openpty()
    with clone.gated() as gate, os.fdopen(terminal, "w") as stderr:
        environment = clone.environment({"GATED": "1", "TERM": "xterm"})
        command = [str(clone.bin / "bash"), str(clone.root / "run.sh"), "x"]
        process = subprocess.Popen(
            command, cwd=clone.cwd, env=environment, stdout=subprocess.PIPE, stderr=stderr
        )
        gate.wait_for_start()
        with open(clone.log, "a") as log:
            log.write("Collecting tensorflow\n")
        shown = ""
        while not re.search(
            r"\rrun\.sh: \d+ s: Collecting tensorflow", shown.replace("\x1b[K", "")
        ):
            shown += os.read(controller, 4096).decode()
        gate.open()
        printed, _ = process.communicate(timeout=TIME_LIMIT_S)
        assert process.returncode == 0
        assert os.read(controller, 4096).decode().endswith("\r\x1b[K")
        assert b"<x>" in printed
        # Nobody holds the lock any more.
        assert clone.start("y").returncode == 0
    os.close(controller)
