"""Tests of `quality.json`: what is added, replaced and dropped; files of something else."""

from __future__ import annotations

import fcntl
import json
import os
import threading

import pytest

from vanilla_gan.errors import OutputError, RunConflictError
from vanilla_gan.runfolder.names import QUALITY
from vanilla_gan.runfolder.quality_json import (
    Evaluation,
    add_evaluation,
    go_back_to,
    read_evaluations,
)


def evaluation(iteration, n=10, frechet=1.5):
    return Evaluation(iteration, n, {"frechet": frechet, "classes_covered": 7, "recall": None})


def iterations(out):
    return [each.iteration for each in read_evaluations(out)]


def test_the_file(tmp_path):
    add_evaluation(tmp_path, evaluation(2000))
    add_evaluation(tmp_path, evaluation(1000, frechet=0.1))
    content = json.loads((tmp_path / QUALITY).read_text())
    assert content == {
        "format": 1,
        "evaluations": [
            {
                "iteration": iteration,
                "n": 10,
                "figures": {"frechet": frechet, "classes_covered": 7, "recall": None},
            }
            for iteration, frechet in ((1000, 0.1), (2000, 1.5))
        ],
    }
    assert read_evaluations(tmp_path) == [evaluation(1000, frechet=0.1), evaluation(2000)]
    assert [path.name for path in tmp_path.iterdir()] == [QUALITY]


def test_none_yet(tmp_path):
    assert read_evaluations(tmp_path) == []
    go_back_to(tmp_path, 5, pytest.fail)
    assert not (tmp_path / QUALITY).exists()


def test_an_iteration_has_one_evaluation(tmp_path):
    add_evaluation(tmp_path, evaluation(7, n=10))
    add_evaluation(tmp_path, evaluation(7, n=11))
    assert read_evaluations(tmp_path) == [evaluation(7, n=11)]


@pytest.mark.parametrize(
    ("back_to", "left"), [(0, []), (6, [0]), (7, [0, 7]), (8, [0, 7]), (9, [0, 7, 9])]
)
def test_going_back(tmp_path, back_to, left):
    for iteration in (0, 7, 9):
        add_evaluation(tmp_path, evaluation(iteration))
    go_back_to(tmp_path, back_to, pytest.fail)
    assert iterations(tmp_path) == left


def test_waiting_is_announced(tmp_path):
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    lines = []

    def inform(line):
        lines.append(line)
        os.close(other)

    add_evaluation(tmp_path, evaluation(1), inform)
    assert ["quality.json" in line for line in lines] == [True]
    assert iterations(tmp_path) == [1]


def test_two_at_the_same_time(tmp_path):
    def add(first):
        for iteration in range(first, 40, 2):
            add_evaluation(tmp_path, evaluation(iteration))

    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert iterations(tmp_path) == list(range(40))


def test_no_nan_is_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        add_evaluation(tmp_path, evaluation(1, frechet=float("nan")))
    assert not (tmp_path / QUALITY).exists()


GOOD = {"iteration": 1, "n": 2, "figures": {}}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"format": 2, "evaluations": []}',
        '{"format": 1}',
        '{"format": 1, "evaluations": [7]}',
        *(
            json.dumps({"format": 1, "evaluations": entries})
            for entries in (
                [{"iteration": 1}],
                [{**GOOD, "more": 1}],
                [{**GOOD, "iteration": 1.0}],
                [{**GOOD, "n": None}],
                [{**GOOD, "figures": {"frechet": "low"}}],
                [{**GOOD, "figures": {"frechet": float("nan")}}],
                [{**GOOD, "shares": [0.5, 0.5], "real_shares": [1.0]}],
                [GOOD, GOOD],
                [{**GOOD, "iteration": 2}, GOOD],
            )
        ),
        '{"format": 1, "evaluations": [{"iteration": 1, "n": 2, "figures": [1]}]}',
    ],
)
def test_another_file(tmp_path, content):
    path = tmp_path / QUALITY
    path.write_text(content)
    for call in (read_evaluations, lambda out: add_evaluation(out, evaluation(3))):
        with pytest.raises(RunConflictError) as caught:
            call(tmp_path)
        line = str(caught.value)
        assert line.startswith(f"{path} is not a file of evaluations: ")
        assert line.endswith("or remove it and make its figures again with ./run.sh evaluate")
        assert "\n" not in line
    assert path.read_text() == content


def test_a_folder_that_is_gone(tmp_path):
    with pytest.raises(OutputError, match=r"quality\.json: No such file or directory"):
        add_evaluation(tmp_path / "gone", evaluation(1))


def test_a_damaged_file_is_set_aside_by_a_run(tmp_path):
    (tmp_path / "quality.json").write_bytes(b"mine")
    lines = []
    go_back_to(tmp_path, 5, lines.append)
    assert (tmp_path / "quality.json.1").read_bytes() == b"mine"
    assert read_evaluations(tmp_path) == []
    assert ["quality.json.1" in line for line in lines] == [True]
