"""`train --data FOLDER`: imported by the first run, used by later ones."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from own_pictures import labelled, labelled_of, make_pictures, noise, run_import
from processes import ROOT

from vanilla_gan.cli import main as cli


def train(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    few = ["--iters=2", "--h_dim=3", "--batch_size=5", "--seed=1"]
    status = cli.main([*few, *words])
    return status, capsys.readouterr().err.splitlines()


@pytest.mark.slow
def test_the_first_run_imports_and_the_others_use_it(elsewhere, capsys):
    made = make_pictures(elsewhere / "my birds", {"a": 9, "b": 8})
    (elsewhere / "my birds" / "a" / "notes.txt").write_text("no picture")
    status, lines = train(capsys, "--data=my birds", "--out=one", "--system=conditional")
    assert status == 0
    assert any("notes.txt" in line for line in lines)
    # 17 pictures: 2 to test, 15 to train, of which a tenth is for validation.
    assert "training on 14 of 15 images; 1 set apart for validation" in lines
    assert not any("train with" in line for line in lines)
    expected = labelled([*made["a"], *made["b"]], [0] * 9 + [1] * 8)
    assert labelled_of("data/my_birds", copies=0) == expected

    record = json.loads(pathlib.Path("one/run.json").read_text())
    assert record["config"]["data"] is None
    assert record["dataset"]["name"] == "my_birds"
    assert record["dataset"]["class_names"] == ["a", "b"]
    status, lines = train(capsys, "--dataset=my_birds", "--out=two")
    assert (status, [line for line in lines if "wrote data" in line]) == (0, [])
    # After the pictures change, the run can be continued and a new one begun; both say so.
    pathlib.Path("my birds/a/0000.pgm").unlink()
    for words, started in ((["--out=one", "--iters=3"], 0), (["--out=three"], 0)):
        status, lines = train(capsys, "--data=my birds", *words)
        assert status == started
        assert any("have changed since they were imported" in line for line in lines)
    assert cli.main(["fork", "--from=two", "--out=four", "--data=my birds", "--iters=3"]) == 0
    assert cli.main(["report", "--from=one"]) == 0
    page = pathlib.Path("one/report.html").read_text()
    assert "my_birds, pictures of your own" in page
    assert "--dataset</span> my_birds" in page


@pytest.mark.slow
def test_two_runs_at_once_import_once(elsewhere):
    make_pictures(elsewhere / "p", {"a": 30})
    words = ["-m", "vanilla_gan", "--data=p", "--iters=1", "--h_dim=3", "--batch_size=5"]
    started = [
        subprocess.Popen(
            [sys.executable, *words, f"--out={name}"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for name in ("one", "two")
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert sum("wrote data/p" in lines for lines in said) == 1


def test_a_sweep_imports_once_and_a_table_will_do(elsewhere, capsys):
    arrays = {"x": noise(20, 7, 9), "y": np.arange(20) % 2}
    np.savez(elsewhere / "cells.npz", **arrays)
    words = ["--seeds=0:2", "--iters=2", "--h_dim=3", "--batch_size=5", "--out=swept"]
    assert cli.main(["sweep", "--data=cells.npz", *words]) == 0
    assert "cells" in os.listdir("data")
    assert capsys.readouterr().err.count("wrote data/cells") == 1
    record = json.loads(pathlib.Path("swept/seed_1/run.json").read_text())
    assert record["dataset"]["name"] == "cells"
    # A sweep checks the file once, not once for each run; once imported, it may be removed.
    os.utime("cells.npz", (0, 0))
    words[1] = "--iters=3"
    assert cli.main(["sweep", "--data=cells.npz", *words]) == 0
    assert capsys.readouterr().err.count("have changed since") == 1
    os.remove("cells.npz")
    assert train(capsys, "--data=cells.npz", "--out=alone")[0] == 0
    # Another file of that name is refused, even if nothing is left to train.
    os.mkdir("b")
    np.savez("b/cells.npz", **arrays)
    assert cli.main(["sweep", "--data=b/cells.npz", *words]) == 2
    assert "was imported from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data=empty", "--data_dir=new"], "expected at least"),
        (
            ["--data=p", "--out=p/out"],
            "--out=p/out: it is in --data=p, where each",
        ),
        # The same for a folder that was imported already.
        (["--data=q", "--out=q/out"], "--out=q/out: it is in --data=q, where each"),
        (
            ["--data=q", "--out=.", "--overwrite", "--data_dir=../data"],
            "--data: q is in --out=., which --over",
        ),
        (["--data=p", "--data_dir=p/new"], "--data_dir=p/new: it is in --data=p"),
        (["--data=notes.zip"], "--data=notes.zip: expected a folder of pictures, or a .npy"),
        (["--data=gone"], "--data=gone: no such folder or file; expected a folder"),
        (["--data=mnist"], "cannot be called 'mnist'"),
        (["--data=p", "--dataset=digits"], "cannot be called 'digits'"),
        (["--data=p", "--dataset=taken"], "--data=p: data/taken already exists and was not"),
        (["--data=p", "--dataset=q"], "data/q already exists and was imported from"),
        (["--data=data/q"], "it is a data set already, not a folder of pictures; give --datas"),
        (["--dataset=minst"], "there is no folder data/minst; expected one"),
        (["--dataset=minst"], "(did you mean 'mnist'?)"),
        (["--dataset=Fashion-MNIST"], "(did you mean 'fashion_mnist'?)"),
    ],
)
def test_each_mistake_ends_in_one_line(elsewhere, capsys, words, said):
    for name in ("p", "q", "mnist"):
        make_pictures(elsewhere / name, {"a": 3})
    (elsewhere / "notes.zip").write_text("no table")
    (elsewhere / "empty").mkdir()
    (elsewhere / "data" / "taken").mkdir(parents=True)
    run_import(elsewhere / "q", elsewhere / "data" / "q")
    (line,) = (found := train(capsys, *words))[1]
    assert (found[0], said in line) == (1 if "--data=empty" in words else 2, True), line
    assert not os.path.exists("out")
    assert not os.path.exists("new")


def test_missing_data_are_found_with_data_dir(elsewhere, capsys):
    make_pictures(elsewhere / "p", {"a": 30})
    assert train(capsys, "--data=p")[0] == 0
    os.rename("data", "elsewhere")
    for words in (["--iters=3"], ["evaluate"]):
        status = cli.main(words)
        line = capsys.readouterr().err.splitlines()[-1]
        assert (status, "--data_dir" in line) == (1, True), line
    assert train(capsys, "--iters=3", "--data_dir=elsewhere")[0] == 0


def test_a_fork_of_nothing_imports_nothing(elsewhere, capsys):
    make_pictures(elsewhere / "p", {"a": 9})
    assert cli.main(["fork", "--from=typo", "--data=p", "--out=new"]) == 1
    assert "typo" in capsys.readouterr().err
    assert not pathlib.Path("data").exists()
