"""A cluster of real processes equals as many towers in one process, bit for bit, even if killed."""

from __future__ import annotations

import ctypes
import functools
import json
import os
import random
import signal
import socket
import subprocess
import sys

import pytest
from mishaps import kill
from results import differences, record
from runner import Mishap, run, start

from vanilla_gan import __version__
from vanilla_gan.engines import greeting
from vanilla_gan.training import run as training

LOST = 138
# Told only of a task that is lost after training has begun, not of one that never came.
SAVED = "the run is saved as of its last checkpoint"
slow = pytest.mark.slow
ITERS = 60
# With 1000 images, the last batch of an epoch has 6. No signs: nothing trains on them, and they may
# be rounded differently if the variables are on several tasks.
CONV = {"system": "conv", "h_dim": None, "batch_size": 14, "iters": 72, "health_every": 0}
# No checkpoints by the clock: a busy machine would write some that an idle one would not.
CHECKPOINTS = {"checkpoint_every": 10**6}
# Brings up the loopback interface, which is down in a new network namespace.
_UP = (
    "import fcntl, socket, struct, sys; lo = struct.pack('16sH', b'lo', 1); "
    "fcntl.ioctl(socket.socket(), 0x8914, lo + bytes(22)); print(flush=True); sys.stdin.read()"
)
_NEWNET = 0x40000000


@pytest.fixture(scope="module")
def network():
    """Returns the tasks' network namespace; None for the machine's, if a new one is impossible."""
    command = ["unshare", "-n", sys.executable, "-c", _UP]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        holder = subprocess.Popen(command, **pipes)
    except FileNotFoundError:
        yield None
        return
    with holder:
        up = holder.stdout.readline()
        yield f"/proc/{holder.pid}/ns/net" if up else None
        holder.stdin.close()


@pytest.fixture
def cluster(tmp_path, network, offline_data_dir, words):
    """Returns a function that starts a cluster, given how many tasks of each role, the chief first.

    Later calls use the same addresses. Tasks that still run after the test are killed.
    """
    started, addresses = [], {}

    def go(roles, absent=(), mishaps=None, others=None, **settings):
        every = [(role, k) for role, count in roles.items() for k in range(count)]
        jobs = {role: [] for role in roles}
        for number, task in enumerate(every):
            port = addresses.setdefault(task, free_port(number, network))
            jobs[task[0]].append(f"127.0.0.1:{port}")
        # The chief starts last, because its mishap may be to kill one of the others.
        tasks = [task for task in every if task not in absent]
        runs = {}
        for role, index in reversed(tasks):
            folder = tmp_path / f"{role}{index}"
            folder.mkdir(exist_ok=True)
            text = json.dumps({"cluster": jobs, "task": {"type": role, "index": index}})
            is_chief = (role, index) == every[0]
            # Only the chief has data.
            own = {} if is_chief else {"data_dir": "nowhere", **(others or {})}
            given = {"system": "vanilla", "iters": ITERS, **CHECKPOINTS, **settings, **own}
            runs[role, index] = start(
                words(**given),
                folder,
                mishaps(runs) if is_chief and mishaps else [],
                prepare=functools.partial(as_task, text, network),
            )
            started.append(runs[role, index])
        return {task: runs[task] for task in tasks}

    yield go
    for run_of_task in started:
        if run_of_task._process.is_alive():
            run_of_task._process.kill()


def free_port(number, network):
    if network is not None:
        return 2222 + number
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_task(text, network):
    os.environ["TF_CONFIG"] = text
    os.environ["http_proxy"] = "http://127.0.0.1:1"  # where nobody listens
    if network is not None:
        with open(network) as opened:
            assert ctypes.CDLL(None, use_errno=True).setns(opened.fileno(), _NEWNET) == 0


def ends(runs):
    """Returns the exit status of each task, the chief first, and the chief's stderr."""
    finished = [each.wait() for each in runs.values()]
    assert not any("Traceback" in each.stderr for each in finished), finished
    return [each.status for each in finished], finished[0].stderr


def in_one_process(folder, words, towers, **settings):
    folder.mkdir()
    finished = run(
        words(towers=towers, **{"system": "vanilla", "iters": ITERS, **CHECKPOINTS, **settings}),
        folder,
    )
    assert finished.status == 0, finished.stderr
    return folder / "out"


def signal_all(pids, number):
    for pid in pids:
        os.kill(pid, number)
    kill(number)


def at_a_picture(action):
    return [Mishap(action, operation="os.rename", path="001.png")]


@pytest.mark.parametrize(
    ("roles", "settings"),
    [
        ({"chief": 1, "worker": 2}, {"system": "vanilla"}),
        pytest.param(
            {"worker": 2, "ps": 2}, {"system": "conditional", "engine": "feed"}, marks=slow
        ),
        pytest.param({"master": 1, "worker": 1, "ps": 1}, {"system": "layers"}, marks=slow),
        pytest.param({"worker": 1, "ps": 1}, {"system": "conditional"}, marks=slow),
        pytest.param({"chief": 1, "worker": 2, "ps": 1}, CONV, marks=slow),
        pytest.param({"worker": 2}, {"system": "infogan", "engine": "feed"}, marks=slow),
    ],
)
def test_tasks_train_as_towers_do(tmp_path, cluster, words, roles, settings):
    runs = cluster(roles, **settings)
    assert ends(runs)[0] == [0] * len(runs)
    towers = sum(count for role, count in roles.items() if role != "ps")
    chief = next(iter(runs))
    out = tmp_path / f"{chief[0]}{chief[1]}" / "out"
    assert differences(out, in_one_process(tmp_path / "one", words, towers, **settings)) == []
    assert record(out)["config"]["towers"] == towers
    others = [tmp_path / f"{role}{index}" for role, index in [*runs][1:]]
    assert {path.name for folder in others for path in folder.iterdir()} == {
        "stdout.txt",
        "stderr.txt",
    }


@slow
@pytest.mark.parametrize("role", ["worker", "ps"])
def test_a_killed_task_costs_nothing(tmp_path, cluster, words, role):
    roles = {"chief": 1, "worker": 1, "ps": 1}

    def ending(runs):
        return at_a_picture(functools.partial(os.kill, runs[role, 0].pid, signal.SIGKILL))

    statuses, said = ends(cluster(roles, mishaps=ending))
    expected = {("chief", 0): LOST, ("worker", 0): LOST, ("ps", 0): LOST, (role, 0): -9}
    found = (statuses, f"no answer from {role} 0 at " in said, SAVED in said)
    assert found == ([*expected.values()], True, True), said
    assert ends(cluster(roles))[0] == [0, 0, 0]
    out = in_one_process(tmp_path / "one", words, 2)
    assert differences(tmp_path / "chief0" / "out", out) == []


@slow
@pytest.mark.parametrize(
    ("roles", "kills", "seed"),
    [
        ({"chief": 1, "worker": 2}, 10, 1),
        ({"chief": 1, "worker": 1, "ps": 1}, 5, 5),
    ],
)
def test_random_kills_cost_nothing(tmp_path, cluster, words, roles, kills, seed):
    """Kills a random task after a given iteration, or at once if the run is already past it."""
    stream, given = random.Random(seed), {"iters": 10 * kills + 20, "cluster_timeout": 10}
    given |= {"log_every": 1, "checkpoint_every": 5}
    losses = tmp_path / "chief0" / "out" / "losses.csv"
    moments = sorted(stream.sample(range(1, 10 * kills), kills))
    for moment in moments:
        runs = cluster(roles, **given)
        victim = stream.choice([*runs])
        runs["chief", 0].wait_for(
            lambda moment=moment: losses.exists() and len(losses.read_text().splitlines()) > moment
        )
        runs[victim].signal(signal.SIGKILL)
        expected = [-signal.SIGKILL if task == victim else LOST for task in runs]
        assert ends(runs)[0] == expected, (moment, victim)
    assert ends(cluster(roles, **given))[0] == [0] * len(runs)
    towers = 1 + roles["worker"]
    out = in_one_process(tmp_path / "one", words, towers, **given)
    assert differences(tmp_path / "chief0" / "out", out) == []


@pytest.mark.parametrize(
    ("number", "others", "statuses"),
    [
        # Schedulers signal all tasks, but the chief needs the others to save.
        (signal.SIGTERM, True, [143, 143]),
        pytest.param(signal.SIGTERM, False, [143, 143], marks=slow),
        pytest.param(signal.SIGKILL, False, [-9, LOST], marks=slow),
    ],
)
def test_the_others_leave_with_the_chief(tmp_path, cluster, words, number, others, statuses):
    # A stop leaves a checkpoint, and its iteration depends on timing: so only the newest is kept.
    roles, given = {"chief": 1, "worker": 1}, {"keep_checkpoints": 1}

    def stopping(runs):
        pids = [runs["worker", 0].pid] if others else []
        return at_a_picture(functools.partial(signal_all, pids, number))

    assert ends(cluster(roles, mishaps=stopping, **given))[0] == statuses
    if number == signal.SIGKILL:
        # It may be finished without a cluster. A chief whose run is finished lets the others leave.
        alone = words(system="vanilla", iters=ITERS, **CHECKPOINTS, **given)
        assert run(alone, tmp_path / "chief0").status == 0
    assert ends(cluster(roles, **given))[0] == [0, 0]
    out = in_one_process(tmp_path / "one", words, 2, **given)
    assert differences(tmp_path / "chief0" / "out", out) == []


@slow
def test_a_task_keeps_serving_after_one_signal_and_leaves_after_two(tmp_path, cluster):
    runs = cluster({"chief": 1, "worker": 1}, iters=10**6)
    worker, said = runs["worker", 0], tmp_path / "worker0" / "stderr.txt"
    runs["chief", 0].wait_for((tmp_path / "chief0" / "out" / "losses.csv").exists)
    worker.signal(signal.SIGTERM)
    worker.wait_for(lambda: "serves the chief" in said.read_text())
    worker.signal(signal.SIGTERM)
    statuses, line = ends(runs)
    found = (statuses, "no answer from worker 0 at " in line, SAVED in line)
    assert found == ([LOST, 143], True, True), line


def test_a_task_that_never_starts_is_named(cluster):
    for absent in (("worker", 0), ("chief", 0)):
        statuses, said = ends(
            cluster({"chief": 1, "worker": 1}, absent=[absent], cluster_timeout=1)
        )
        assert statuses == [LOST], said
        assert f"no answer from {absent[0]} 0 at " in said, said
        assert " within 1 s" in said, said


def test_a_batch_that_cannot_be_split_ends_all_tasks(tmp_path, cluster):
    statuses, said = ends(cluster({"worker": 2}, batch_size=1))
    assert (statuses, "--towers=2: expected at most --batch_size" in said) == ([2, 2], True), said
    assert "without authentication" in said
    assert not (tmp_path / "worker0" / "out").exists()


@slow
def test_a_late_task_hears_that_the_chief_has_failed(tmp_path, cluster):
    roles, given = {"chief": 1, "worker": 1}, {"batch_size": 1}
    chief = cluster(roles, absent=[("worker", 0)], **given)
    said = tmp_path / "chief0" / "stderr.txt"
    chief["chief", 0].wait_for(
        lambda: said.exists() and "without authentication" in said.read_text()
    )
    assert ends(chief | cluster(roles, absent=[("chief", 0)], **given))[0] == [2, 2]


def send_little():
    training.MOST_SENT = 1000


@slow
@pytest.mark.parametrize(("engine", "statuses"), [("loop", [2, 2]), ("feed", [0, 0])])
def test_too_many_images_for_one_message(tmp_path, cluster, engine, statuses):
    given = {"engine": engine, "iters": 2}
    mishap = Mishap(send_little, count=0)
    found, said = ends(cluster({"chief": 1, "worker": 1}, mishaps=lambda _: [mishap], **given))
    assert (found, "give --engine feed" in said) == (statuses, engine == "loop"), said
    assert (tmp_path / "chief0" / "out").exists() == (engine == "feed")


def be_version(version):
    greeting.__version__ = version


@pytest.mark.parametrize(
    ("version", "others", "said"),
    [
        (__version__, {"h_dim": 9}, "has --h_dim=9, but the chief has --h_dim=7;"),
        ("9.1", {}, f"has vanilla_gan {__version__}, but the chief has vanilla_gan 9.1;"),
    ],
)
def test_a_task_that_differs_from_the_chief(tmp_path, cluster, version, others, said):
    mishap = Mishap(functools.partial(be_version, version), count=0)
    runs = cluster({"chief": 1, "ps": 1}, mishaps=lambda _: [mishap], others=others, h_dim=7)
    statuses, line = ends(runs)
    assert (statuses, "ps 0 at " in line, said in line) == ([2, 2], True, True), line
    assert not (tmp_path / "chief0" / "out").exists()


@slow
def test_a_frozen_task_is_named(cluster):
    def freezing(runs):
        return at_a_picture(functools.partial(os.kill, runs["worker", 1].pid, signal.SIGSTOP))

    runs = cluster({"chief": 1, "worker": 2}, mishaps=freezing, cluster_timeout=10)
    del runs["worker", 1]
    statuses, said = ends(runs)
    found = (statuses, "no answer from worker 1 at " in said, SAVED in said)
    assert found == ([LOST, LOST], True, True), said
