"""`TF_CONFIG`, `--cluster`: which task this is, and what is refused before TensorFlow sees it."""

from __future__ import annotations

import json
import queue
import socket

import pytest
from one_line import failure

from vanilla_gan.engines.peers import answers, wait_for_others
from vanilla_gan.engines.slurm import task_of_step
from vanilla_gan.engines.task import Task, task_in_file, task_of
from vanilla_gan.errors import LostPeerError, UsageError
from vanilla_gan.graph import processor
from vanilla_gan.settings import RunConfig
from vanilla_gan.training import cluster as cluster_module

A, B, C = "a:1", "10.0.0.2:65535", "[::1]:2222"


def of(cluster, role="worker", index=0):
    text = json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})
    return task_of({"TF_CONFIG": text})


@pytest.fixture(params=["TF_CONFIG", "--cluster"])
def said(request, tmp_path):
    """Returns a function that reads a task's description, in either way, and its errors' prefix."""
    file = tmp_path / "cluster.json"

    def read(text):
        file.write_text(text)
        return task_in_file(str(file), None, None)

    if request.param == "TF_CONFIG":
        return lambda text: task_of({"TF_CONFIG": text}), "TF_CONFIG: "
    return read, f"--cluster={file}: "


def test_a_file_names_the_tasks_and_flags_this_one(tmp_path):
    cluster = {"chief": [A], "worker": [B, C]}
    file = tmp_path / "cluster.json"
    for content in (cluster, {"cluster": cluster}, {"cluster": cluster, "task": {"type": "chief"}}):
        file.write_text(json.dumps(content))
        for index in (0, 1):
            assert task_in_file(str(file), "worker", index) == of(cluster, "worker", index)
    assert task_in_file(str(file), None, None) == of(cluster, "chief", 0)


STEP = {
    "SLURM_PROCID": "3",
    "SLURM_STEP_NODELIST": "n[9-10],m1",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
}


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Puts a stand-in for Slurm's `scontrol` into the PATH, which knows one list of machines."""
    program = tmp_path / "bin/scontrol"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\n[ "$*" = "show hostnames n[9-10],m1" ] && printf "n9\\nn10\\nm1\\n" && exit\n'
        "echo Invalid hostlist >&2; exit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_a_step_of_slurm(scontrol):
    """Slurm numbers the processes in the order of its list of machines: n9 is before n10."""
    task = task_of_step("slurm", STEP)
    workers = ("n9:2222", "n9:2223", "n10:2222", "n10:2223", "m1:2222")
    assert (task.jobs, task.role, task.index) == ({"worker": workers}, "worker", 3)
    assert task_of_step("slurm", {**STEP, "SLURM_NODEID": "1", "SLURM_LOCALID": "1"}) == task
    job = {name.replace("STEP_", ""): value for name, value in STEP.items()}
    job["SLURM_JOB_NODELIST"] = job.pop("SLURM_NODELIST")
    assert task_of_step("slurm:70", job).address(("worker", 3)) == "n10:71"


@pytest.mark.parametrize(
    ("flag", "change", "line"),
    [
        ("slurm", {"SLURM_PROCID": ""}, "SLURM_PROCID is not in the environment"),
        ("slurm", {"SLURM_PROCID": "5"}, "this task is 'worker' 5, and the cluster has 5 worker"),
        ("slurm", {"SLURM_STEP_TASKS_PER_NODE": "2(x2)"}, "3 machines (n[9-10],m1), '2(x2)'"),
        ("slurm", {"SLURM_STEP_NODELIST": "n[9"}, "list the machines of n[9: Invalid hostlist"),
        ("slurm:65535", {}, "'n9:65536'; expected host:port"),
        ("slurm", {"SLURM_NODEID": "0", "SLURM_LOCALID": "1"}, "srun --distribution block"),
        ("slurm", {"PATH": ""}, "scontrol"),
    ],
)
def test_what_is_no_step_of_slurm(scontrol, monkeypatch, flag, change, line):
    if "PATH" in change:
        monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError) as told:
        task_of_step(flag, {**STEP, **change})
    assert str(told.value).startswith(f"--cluster={flag}: ")
    assert (line in str(told.value), "\n" in str(told.value)) == (True, False), told.value


def test_roles_and_their_order():
    task = of({"ps": [C], "worker": [B], "chief": [A]}, index="0")
    assert (task.towers, task.is_chief) == ([("chief", 0), ("worker", 0)], False)
    assert sorted(map(task.named, task.others)) == [f"ps 0 at {C}", f"worker 0 at {B}"]


@pytest.mark.parametrize(
    ("cluster", "role", "chief"),
    [
        ({"worker": [A, B]}, "worker", ("worker", 0)),
        ({"master": [A], "worker": [B]}, "master", ("chief", 0)),
        ({"chief": [A], "ps": [B]}, "chief", ("chief", 0)),
    ],
)
def test_who_is_the_chief(cluster, role, chief):
    task = of(cluster, role)
    assert (task.chief, task.is_chief) == (chief, True)


@pytest.mark.parametrize("text", ["", " ", "{}", '{"task": {}}', '{"cluster": {}}'])
def test_no_cluster_is_an_ordinary_run(text):
    assert task_of({"TF_CONFIG": text}) is task_of({}) is None


@pytest.mark.parametrize("role", ["chief", "master", "worker"])
def test_a_single_task_is_an_ordinary_run(role):
    assert of({role: [A], "ps": []}, role) is None


@pytest.mark.parametrize(
    ("cluster", "role", "index", "why"),
    [
        ([A], "worker", 0, "'cluster'"),
        ({"worker": A}, "worker", 0, "a list of addresses for worker"),
        ({"worker": {"1": A}}, "worker", 1, "sparse"),
        ({"worker": [A], "evaluator": [B]}, "worker", 0, "'evaluator'"),
        ({"worker": [A], "p s": [B]}, "worker", 0, "'p s'"),
        *(
            ({"worker": [A, wrong]}, "worker", 0, repr(wrong))
            for wrong in ("b", "b:", ":1", "b:0", "b:65536", "b:99999", "b:-1", "b:\u0661", "b c:1")
        ),
        ({"worker": [A, "grpc://b:1"]}, "worker", 0, "grpc"),
        ({"worker": [A, 7]}, "worker", 0, "7"),
        ({"worker": [A], "ps": [A]}, "worker", 0, f"two tasks have the address {A}"),
        ({"chief": [A], "master": [B]}, "chief", 0, "more than one chief"),
        ({"ps": [A, B]}, "ps", 0, "neither a chief nor a worker"),
        ({"worker": [A, B]}, "worker", 2, "'worker' 2"),
        ({"worker": [A, B]}, "worker", -1, "'worker' -1"),
        ({"worker": [A, B]}, "chief", 0, "'chief' 0"),
        ({"worker": [A, B]}, "evaluator", 0, "--evaluate_every"),
        ({"worker": [A, B]}, "worker", True, "which task this is"),
        ({"worker": [A, B]}, None, 0, "which task this is"),
    ],
)
def test_what_is_refused(said, cluster, role, index, why):
    read, where = said
    with pytest.raises(UsageError) as told:
        read(json.dumps({"cluster": cluster, "task": {"type": role, "index": index}}))
    line = str(told.value)
    assert line.startswith(where)
    assert (why in line, "\n" in line, told.value.exit_status) == (True, False, 2), line


@pytest.mark.parametrize("text", ["{", "[]", "7", "[" * 10**5, '{"cluster": {"worker": ["a:1"]}}'])
def test_what_is_no_description_of_a_task(said, text):
    read, where = said
    with pytest.raises(UsageError) as told:
        read(text)
    assert str(told.value).startswith(where)


@pytest.mark.parametrize(
    ("words", "tf_config", "line"),
    [
        (["--cluster=nowhere.json"], "", "--cluster=nowhere.json: it cannot be read: "),
        (["--cluster=c.json"], "", "it does not say which task this is; give --job and --task"),
        (["--cluster=c.json", "--job=evaluator"], "", "--job=evaluator: expected"),
        (["--cluster=c.json", "--job=worker", "--task=1"], "", "'worker' 1, and the cluster has"),
        (["--cluster=c.json", "--job=worker", "--task=-1"], "", "--task=-1: expected"),
        (["--cluster=c.json", "--task=0"], "", "--job and --task together say which task this is"),
        (["--job=worker"], "", "--job says which task of --cluster this is"),
        (["--cluster=c.json"], "{}", "TF_CONFIG describes a cluster already"),
        (["--cluster=slurm"], "", "SLURM_PROCID is not in the environment"),
        (["--cluster=slurm", "--task=0"], "", "--task does not apply to --cluster=slurm"),
    ],
)
def test_wrong_flags_of_a_cluster(capsys, elsewhere, monkeypatch, words, tf_config, line):
    monkeypatch.delenv("SLURM_PROCID", raising=False)
    monkeypatch.setenv("TF_CONFIG", tf_config)
    (elsewhere / "c.json").write_text(json.dumps({"chief": [A], "worker": [B]}))
    status, found = failure(capsys, "train", *words)
    assert (status, line in found) == (2, True), found
    assert [path.name for path in elsewhere.iterdir()] == ["c.json"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--towers=3"], "--towers=3: this cluster has 2 tasks that train"),
        (["train", "--tune"], "--tune is for one machine"),
        (["train", "--jit_compile"], "--jit_compile is for one machine"),
        (["train", "--device=gpu:1"], "--device=gpu:1: a cluster trains on CPUs"),
        (["fork", "--from=out", "--out=other"], "--towers K, the number of tasks"),
        (["sweep", "--seeds=0:2"], "sweep does not train on a cluster"),
    ],
)
def test_what_does_not_go_with_a_cluster(capsys, elsewhere, monkeypatch, words, said):
    cluster = {"chief": [A], "worker": [B]}
    task = {"type": "chief", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    status, line = failure(capsys, *words)
    assert (status, said in line) == (2, True), line
    assert not any(elsewhere.iterdir())


def test_a_port_that_is_taken(capsys, elsewhere, monkeypatch):
    # TensorFlow would share it, and each of two servers would get some of the messages.
    for name in ("GRPC_FAIL_FAST", "no_grpc_proxy"):
        monkeypatch.setenv(name, "")
    with socket.create_server(("127.0.0.1", 0)) as server:
        own = f"127.0.0.1:{server.getsockname()[1]}"
        cluster = {"cluster": {"chief": [A], "worker": [own]}, "task": {"type": "worker"}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
        status, line = failure(capsys, "train")
    assert (status, f"worker 0 at {own} cannot listen on port" in line) == (1, True), line


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_an_invalid_host_name_is_a_task_that_never_comes(host):
    assert not answers(f"{host}:1")
    task = Task({"chief": (A,), "worker": (f"{host}:1",)}, "chief", 0)
    with pytest.raises(LostPeerError, match=host):
        wait_for_others(task, 0.0, print)


def test_a_worker_computes_in_no_precision_that_its_processor_lacks(
    capsys, elsewhere, monkeypatch, tmp_path
):
    (tmp_path / "cpuinfo").write_text("flags : avx2\n")
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    cluster = {"cluster": {"chief": [A], "worker": [B]}, "task": {"type": "worker"}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    status, line = failure(capsys, "train", "--precision=bfloat16")
    assert (status, "has neither AVX512-BF16" in line) == (1, True), line


def test_a_chief_whose_machine_is_gone_is_noticed(monkeypatch):
    """No packet reports it, so the worker has to ask."""
    task = Task({"chief": (A,), "worker": (B,)}, "worker", 0)
    looks = iter([False, True, True, False, False])
    monkeypatch.setattr(cluster_module, "_LOOK_S", 1e-3)
    monkeypatch.setattr(cluster_module, "answers", lambda address: next(looks))
    config = RunConfig(cluster_timeout=1e-9)
    status, line = cluster_module._heard(task, config, queue.SimpleQueue())
    assert (status, line.endswith("is gone")) == (138, True)
    # While it had not come yet, the worker waited; after that, the first failed look was enough.
    assert next(looks) is False
    heard = queue.SimpleQueue()
    heard.put((7, "its word"))
    assert cluster_module._heard(task, config, heard) == (7, "its word")
