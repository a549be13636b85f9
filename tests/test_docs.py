"""The examples in docs/ run: fenced Python in one namespace, `./run.sh` lines through the program.

They run in a temporary folder, with the few changes for speed that are listed here; each change
must apply.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import runpy
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import jsonschema
import numpy as np
import offline
import PIL.Image
import pytest
from processes import ROOT

from vanilla_gan.cli import main as cli
from vanilla_gan.cli.flags import Flags
from vanilla_gan.engines.task import task_of
from vanilla_gan.sweep.plan import planned
from vanilla_gan.sweep.settings import SweepConfig
from vanilla_gan.training.settings import TrainConfig

SMALLER = {
    'dataset="mnist"': 'dataset="mnist", allow_unverified_data=True, h_dim=5, batch_size=11',
    "20_000": "2",
    "30_000": "3",
    "30_100": "4",
    "40_000": "4",
}


def fenced(name: str, language: str) -> list[str]:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) >= 3
    return found


@pytest.mark.slow
def test_the_python_examples_run(
    tmp_path: pathlib.Path,
    offline_data_dir: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mnist").symlink_to(offline_data_dir / "mnist")
    code = "\n".join(fenced("python.md", "python"))
    for published, smaller in SMALLER.items():
        assert published in code
        code = code.replace(published, smaller)
    names: dict[str, object] = {}
    exec(compile(code, "docs/python.md", "exec"), names)

    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Iter: 0"
    assert "2 digits_run/checkpoints/0000000002" in printed
    assert "(16, 28, 28) float32 uint8" in printed
    assert printed[-1].startswith("nothing_here")
    assert names["page"].is_file()
    assert (tmp_path / "data" / "birds" / "classes.json").is_file()
    assert (names["model"] / "saved_model.pb").is_file()
    assert names["slower"].iterations == 4
    assert names["run"] == (
        pathlib.Path("digits_run"),
        4,
        pathlib.Path("digits_run/checkpoints/0000000004"),
    )
    assert np.isfinite([names["D_loss"], names["G_loss"]]).all()


def picture_folders(folder: pathlib.Path) -> None:
    """Makes the folders of pictures that docs/your_data.md names."""
    stream = np.random.RandomState(3)
    for name, count in (("cat", 3000), ("dog", 3000)):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(count):
            # A binary greymap: a header and the values. All pictures differ.
            content = b"P5 5 3 255\n" + stream.bytes(15)
            (folder / "pictures" / name / f"{number}.pgm").write_bytes(content)
    (folder / "drawings").symlink_to(folder / "pictures")
    (folder / "few").mkdir()
    for number in range(9):
        PIL.Image.new("RGB", (31, 17), (number, 99, 7)).save(folder / "few" / f"{number}.png")


@pytest.mark.slow
def test_the_shell_examples_run(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    # Imported data would go to this folder, which the tests must not write to.
    monkeypatch.delenv("VANILLA_GAN_DATA", raising=False)
    picture_folders(tmp_path)
    for block in fenced("your_data.md", "sh"):
        program, *words = shlex.split(block)
        if program == ".venv/bin/python":
            subprocess.run([sys.executable, ROOT / words[0], *words[1:]], check=True)
            continue
        assert program == "./run.sh"
        if words[0] != "import_images":
            words += ["--iters=2", *([] if "conv" in words else ["--h_dim=3"])]
        assert cli.main(words) == 0, capsys.readouterr().err
    assert (tmp_path / "own_out" / "000.png").exists()
    assert (tmp_path / "own_classes" / "000.png").exists()
    assert sorted(os.listdir(tmp_path / "own_data")) == ["birds", "drawings", "few", "letters"]
    lines = capsys.readouterr().err
    assert "training on 4629 of 5143 images; 514 set apart for validation" in lines
    assert "5143 training images (the first 514 for validation), 857 test images" in lines


def test_the_examples_of_using_run(
    tmp_path: pathlib.Path,
    offline_data_dir: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "using.md").read_text(encoding="utf-8")
    data = ["--dataset=mnist", f"--data_dir={offline_data_dir}", "--allow_unverified_data"]
    assert cli.main([*data, "--iters=2", "--h_dim=3", "--batch_size=11"]) == 0
    theirs = "model.ckpt-1000"
    assert theirs in text
    smaller = {"60000": "6", theirs: "out/checkpoints/0000000002/model.ckpt --h_dim=3"}
    lines = re.findall(r"^    \./run\.sh (.*)", text, re.MULTILINE)
    flags = re.search(r"`(--format tflite [^`]*)`", text)
    assert flags is not None
    assert len(lines) >= 7
    for line in [*lines, f"export {flags[1]}"]:
        for published, fewer in smaller.items():
            line = line.replace(published, fewer)
        assert cli.main(shlex.split(line, comments=True)) == 0, capsys.readouterr().err
    assert pathlib.Path("same.png").read_bytes() == pathlib.Path("samples.png").read_bytes()

    code = "\n".join(re.findall(r"^    (\w+ = .*)", text, re.MULTILINE))
    names: dict[str, Any] = {}
    exec(compile(f"import tensorflow as tf\n{code}", "docs/using.md", "exec"), names)
    assert names["images"].shape == (16, 784)
    scores = names["scores"].numpy()
    assert scores.shape == (16, 1)
    assert ((scores > 0) & (scores < 1)).all()
    np.testing.assert_allclose(names["the_same"], scores, rtol=0, atol=1e-6)


def test_the_listing_without_the_package_trains_to_the_same_losses(
    tmp_path: pathlib.Path,
    offline_data_dir: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # More than two epochs of the offline data.
    run = offline.train(
        tmp_path / "out", offline_data_dir, iters=20, seed=3, engine="feed", log_every=1
    )
    listing = ROOT / "docs" / "examples" / "listing.py"
    assert not re.search(r"^ *(import|from) vanilla_gan", listing.read_text(), re.MULTILINE)
    out, data = tmp_path / "listing", offline_data_dir / "mnist"
    flags = ["--iters=20", "--seed=3", f"--data_dir={data}", f"--out={out}"]
    monkeypatch.setattr("sys.argv", [str(listing), *flags])
    names = runpy.run_path(str(listing), run_name="__main__")

    assert capsys.readouterr().out == run.stdout
    assert (out / "000.png").is_file()
    images = names["read"](data, "train-images-idx3-ubyte").reshape(-1, 784)[5000:]
    rows = np.array([*names["train"](images, 20, 3, out)], np.float32)
    assert rows.tobytes() == run.losses().astype(np.float32).tobytes()


def test_the_slurm_script_starts_a_task_on_each_machine(tmp_path: pathlib.Path) -> None:
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    block = next(part for part in re.findall(r"(?:^    .*\n)+", text, re.M) if "#SBATCH" in part)
    (tmp_path / "job").write_text(textwrap.dedent(block))
    stubs = {
        # Since Slurm 22.05, srun takes the cores per process only from its own flags.
        "srun": '[ "$1 $2" = "-c 2" ] || exit 1; shift 2\n'
        'for SLURM_PROCID in 0 1; do export SLURM_PROCID; "$@"; done',
        "run.sh": 'echo "$SLURM_PROCID $*" >> started',
    }
    for name, command in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{command}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["bash", "job"], cwd=tmp_path, env={"PATH": path}, check=True)
    first, second = (line.split() for line in (tmp_path / "started").read_text().splitlines())
    assert (first[0], second[0], first[1:]) == ("0", "1", second[1:])
    assert Flags(TrainConfig).parse(first[1:])["cluster"] == "slurm"


# --- The manifests. The schema has, in our words, the fields of kubeflow.org/v1 TFJob (Training
# Operator 1.8) and of batch/v1 Job that they use, and what else the operator requires.

MANIFESTS = ("tfjob", "sweep_job")


def manifest(name: str) -> Any:
    return json.loads((ROOT / "docs/examples" / f"{name}.json").read_text(encoding="utf-8"))


def schema() -> Any:
    found = json.loads((ROOT / "tests/data/kubernetes_schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def wrong_ones(job: Any) -> Iterator[Any]:
    """Yields copies of a manifest, each with one wrong name or one wrong word of the API."""
    for key, value in job.items() if isinstance(job, dict) else enumerate(job):
        if isinstance(job, dict) and key != "cpu":
            yield {key + "x" if name == key else name: of for name, of in job.items()}
        if isinstance(value, (dict, list)):
            for wrong in wrong_ones(value):
                is_map = isinstance(job, dict)
                yield {**job, key: wrong} if is_map else [*job[:key], wrong, *job[key + 1 :]]
        elif key in ("restartPolicy", "cleanPodPolicy", "completionMode", "kind", "apiVersion"):
            yield {**job, key: "Sometimes"}


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_manifests_fit_the_kubernetes_schema(name: str) -> None:
    job = manifest(name)
    schema().validate(job)
    wrong = [one for one in wrong_ones(job) if one != job]
    assert len(wrong) > 20
    assert [one for one in wrong if schema().is_valid(one)] == []


def test_the_tfjob_trains_one_run_on_all_its_pods() -> None:
    job = manifest("tfjob")
    replicas = job["spec"]["tfReplicaSpecs"]
    # As the operator describes it to each pod.
    cluster = {
        role.lower(): [
            f"{job['metadata']['name']}-{role.lower()}-{k}.default.svc:2222"
            for k in range(of["replicas"])
        ]
        for role, of in replicas.items()
    }
    told = []
    for role, of in replicas.items():
        (container,) = of["template"]["spec"]["containers"]
        assert (container["name"], container["ports"][0]["containerPort"]) == ("tensorflow", 2222)
        program, *words = container["command"]
        assert program == "vanilla-gan"
        told.append(Flags(TrainConfig).parse(words))
        for k in range(of["replicas"]):
            task = {"type": role.lower(), "index": k}
            config = {"cluster": cluster, "task": task, "environment": "cloud"}
            found = task_of({"TF_CONFIG": json.dumps(config)})
            assert found is not None
            assert found.is_chief == (role == "Chief")
    assert told[0].pop("out").startswith("/results/")
    assert told[0].pop("dataset") == "mnist"
    assert told == told[:1] * len(told)
    assert job["spec"]["runPolicy"]["cleanPodPolicy"] == "None"
    assert {of["restartPolicy"] for of in replicas.values()} == {"ExitCode"}


def test_the_indexed_job_trains_every_run_of_a_sweep_once() -> None:
    job = manifest("sweep_job")["spec"]
    assert job["completionMode"] == "Indexed"
    shell, flag, script = job["template"]["spec"]["containers"][0]["command"]
    assert (shell, flag) == ("sh", "-c")
    numbers = []
    for index in range(job["completions"]):
        words = shlex.split(script.replace("$JOB_COMPLETION_INDEX", str(index)))
        assert words[:3] == ["exec", "vanilla-gan", "sweep"]
        config = SweepConfig(**Flags(SweepConfig).parse(words[3:]))
        numbers += [run.seed for run in planned(config, {}) if run.is_own]
    assert sorted(numbers) == list(range(100))
