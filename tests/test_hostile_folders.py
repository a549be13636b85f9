"""Folders full of pipes, links, devices and bombs: each is read, or ends in one clear line.

`./run.sh test tests/test_hostile_folders.py -s` prints a table of how many were read and
how many refused.
"""

from __future__ import annotations

import gzip
import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest

CHECKPOINT = "checkpoints/0000000003/"
THINGS = ("pipe", "device", "sparse", "secret", "loop", "dangling", "folder", "socket")
SAMPLE, REPORT, COMPARE, TRAIN, EVALUATE, EXPORT, OF_EXPORT, BEGIN = (
    ["sample", "--from={run}", "--out=case/x.png", "--seed=1"],
    ["report", "--from={run}", "--out=case/x.html"],
    ["compare", "--from={run}"],
    ["train", "--out={run}", "--iters=4", "--data_dir={data}"],
    ["evaluate", "--from={run}", "--data_dir={data}", "--n=20"],
    ["export", "--from={run}", "--format=npz", "--out=case/x.npz"],
    ["sample", "--from={export}", "--out=case/x.png", "--seed=1"],
    ["train", "--out=case/new", "--iters=1", "--data_dir={data}", "--allow_unverified_data"],
)
IMAGES = "mnist/train-images-idx3-ubyte.gz"
# For each file: whether there are bombs of its kind, and what reads it, the fastest first.
READ_BY: dict[tuple[str, str], tuple[bool, list[list[str]]]] = {
    ("run", "run.json"): (True, [REPORT, COMPARE, SAMPLE, EXPORT, EVALUATE, TRAIN]),
    ("run", "losses.csv"): (True, [REPORT, COMPARE, TRAIN]),
    ("run", "quality.json"): (True, [REPORT, EVALUATE]),
    ("run", "000.png"): (True, [REPORT, COMPARE]),
    ("run", f"{CHECKPOINT}manifest.json"): (True, [SAMPLE, EXPORT, TRAIN]),
    ("run", f"{CHECKPOINT}state.npz"): (True, [SAMPLE, TRAIN]),
    ("run", f"{CHECKPOINT}model.ckpt.index"): (False, [SAMPLE, TRAIN]),
    ("run", f"{CHECKPOINT}model.ckpt.data-00000-of-00001"): (False, [SAMPLE, TRAIN]),
    ("run", "checkpoints"): (False, [SAMPLE]),
    ("run", "run.lock"): (False, [TRAIN]),
    ("export", "vanilla_gan.json"): (True, [OF_EXPORT]),
    ("export", "saved_model.pb"): (False, [OF_EXPORT]),
    ("export", "variables/variables.index"): (False, [OF_EXPORT]),
    ("data", IMAGES): (True, [BEGIN, EVALUATE]),
}


def hostile(tmp_path, run, exported, offline_data_dir, cases) -> list[dict[str, Any]]:
    """Runs the cases by `hostile_folders.py` in one other process, and returns the outcomes."""
    data = tmp_path / "data"
    shutil.copytree(offline_data_dir, data)
    plain_images = data / "mnist" / "train-images-idx3-ubyte"
    with gzip.open(data / IMAGES, "wb", compresslevel=1) as stream:
        stream.write(plain_images.read_bytes())
    plain_images.unlink()
    (tmp_path / "work").mkdir()
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    script = pathlib.Path(__file__).with_name("hostile_folders.py")
    places = (run, exported, data, tmp_path / "work", tmp_path / "cases.json")
    finished = subprocess.run(
        [sys.executable, script, *places], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return [json.loads(line) for line in finished.stdout.splitlines()]


def judge(found: list[dict[str, Any]], cases: list[Any]) -> None:
    """Checks that each case was read or ended in one line; prints the table."""
    assert [each["case"] for each in found] == cases
    print(
        f"\n{'thing':10}{'tried':>7}{'read':>6}{'refused':>9}{'hangs':>7}{'slowest':>10}{'MB':>6}"
    )
    for thing in dict.fromkeys(case[2] for case in cases):
        of = [each for each in found if each["case"][2] == thing]
        print(
            f"{thing:10}{len(of):7}{sum(each['status'] == 0 for each in of):6}"
            f"{sum(each['status'] in (1, 2) for each in of):9}"
            f"{sum(each['status'] == 'hang' for each in of):7}"
            f"{max(each['seconds'] for each in of):8.1f} s{max(each['MB'] for each in of):6}"
        )
    for each in found:
        assert each["status"] in (0, 1, 2), each
        assert "Traceback" not in each["stderr"], each
        assert (each["secret"], each["kept"]) == (False, True), each
        errors = [line for line in each["stderr"].splitlines() if line.startswith("run.sh: ")]
        assert len(errors) == (each["status"] != 0), each


def cases_of(things: tuple[str, ...], most: int) -> list[Any]:
    return [
        [place, name, thing, words]
        for (place, name), (bombs, commands) in READ_BY.items()
        for thing in (*things, *["bomb"] * bombs)
        for words in commands[:most]
    ]


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_folder_of_pipes_devices_and_bombs(
    tmp_path, trained_run, exported, offline_data_dir, every
):
    """Pipes and bombs, each by one command that does not train; or everything by every command."""
    cases = [each for each in cases_of(THINGS[:1], 1) if each[3][0] != "train"]
    if every:
        cases = cases_of(THINGS, 9)
    of = trained_run("vanilla"), exported("vanilla")
    judge(hostile(tmp_path, *of, offline_data_dir, cases), cases)
