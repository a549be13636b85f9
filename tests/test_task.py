"""`TF_CONFIG`: which task of which cluster, and what is refused before TensorFlow sees it."""

from __future__ import annotations

import json
import socket

import pytest
from one_line import failure

from vanilla_gan.engines.task import task_of
from vanilla_gan.errors import UsageError

A, B, C = "a:1", "10.0.0.2:65535", "[::1]:2222"


def of(cluster, role="worker", index=0):
    text = json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})
    return task_of({"TF_CONFIG": text})


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
def test_one_task_in_all_is_an_ordinary_run(role):
    assert of({role: [A], "ps": []}, role) is None


@pytest.mark.parametrize(
    ("cluster", "role", "index", "said"),
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
def test_what_is_refused(cluster, role, index, said):
    with pytest.raises(UsageError) as told:
        of(cluster, role, index)
    line = str(told.value)
    assert line.startswith("TF_CONFIG: ")
    assert (said in line, "\n" in line, told.value.exit_status) == (True, False, 2), line


@pytest.mark.parametrize("text", ["{", "[]", "7", "[" * 10**5, '{"cluster": {"worker": ["a:1"]}}'])
def test_what_is_no_description_of_a_task(text):
    with pytest.raises(UsageError, match="TF_CONFIG: "):
        task_of({"TF_CONFIG": text})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--towers=3"], "--towers=3: 2 tasks train"),
        (["train", "--tune"], "--tune is for one machine"),
        (["train", "--jit_compile"], "--jit_compile is for one machine"),
        (["train", "--device=gpu:1"], "--device=gpu:1: a cluster trains on processors"),
        (["fork", "--from=out", "--out=other"], "fork does not train on a cluster"),
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
    # TensorFlow would share it, and each of two servers would get some of the words.
    for name in ("GRPC_FAIL_FAST", "no_grpc_proxy"):
        monkeypatch.setenv(name, "")
    with socket.create_server(("127.0.0.1", 0)) as server:
        own = f"127.0.0.1:{server.getsockname()[1]}"
        cluster = {"cluster": {"chief": [A], "worker": [own]}, "task": {"type": "worker"}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
        status, line = failure(capsys, "train")
    assert (status, f"worker 0 at {own} cannot listen on port" in line) == (1, True), line
