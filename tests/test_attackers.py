"""Files from an attacker, with valid seals: each is read, or refused in one clear line.

`./run.sh test tests/test_attackers.py -s` prints how many of each kind were read and refused.
"""

from __future__ import annotations

import inspect
import json
import pathlib
import random
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import mutants
import numpy as np
import pytest
from one_line import failure
from small_run import make_run

from vanilla_gan.agreement.compare import compare, different_settings
from vanilla_gan.agreement.comparison import as_dict
from vanilla_gan.agreement.recorded_losses import matching
from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.agreement.table import agreement_table
from vanilla_gan.agreement.traces import RECORDINGS, read_traces
from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.stream import stream_of
from vanilla_gan.errors import VanillaGanError
from vanilla_gan.generator.export import CPU
from vanilla_gan.generator.export_record import read_origin
from vanilla_gan.generator.generator import Generator
from vanilla_gan.generator.sample import _noise
from vanilla_gan.generator.settings import SampleConfig
from vanilla_gan.generator.trained import open_export
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import read_weights
from vanilla_gan.health.doctor import as_dict as doctor_dict
from vanilla_gan.health.doctor import as_text as doctor_text
from vanilla_gan.health.doctor import examined
from vanilla_gan.observers.event_files import cut_back
from vanilla_gan.report.facts import facts_of
from vanilla_gan.report.report import write_report
from vanilla_gan.report.settings import ReportConfig
from vanilla_gan.runfolder.checkpoint import Checkpoints, check_state, read_checkpoint
from vanilla_gan.runfolder.health_csv import HEADER, NUMBERS
from vanilla_gan.runfolder.lock import _holder
from vanilla_gan.runfolder.losses_csv import read_losses
from vanilla_gan.runfolder.names import HEALTH
from vanilla_gan.runfolder.quality_json import Evaluation, add_evaluation, read_evaluations
from vanilla_gan.runfolder.record import changed_surroundings, continued_config, read_record
from vanilla_gan.say import json_text, printable
from vanilla_gan.settings import RunConfig

SECONDS = 20  # of processor time, for one file

Mutate = Callable[[random.Random], None]
Read = Callable[[], object]


class Subject(NamedTuple):
    """One kind of file.

    Attributes:
      mutate: replaces the file with a mutant.
      read: reads it.
      count: how many mutants are tried.
    """

    mutate: Mutate
    read: Read
    count: int


class Tally(NamedTuple):
    """The results for one kind of file."""

    name: str
    read: int
    refused: int
    slowest_s: float


TALLIES: list[Tally] = []


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Prints the results for all kinds of files."""
    yield
    print(f"\n{'file':24}{'tried':>8}{'read':>8}{'refused':>9}{'tracebacks':>12}{'slowest':>10}")
    for each in TALLIES:
        tried = each.read + each.refused
        print(f"{each.name:24}{tried:8}{each.read:8}{each.refused:9}{0:12}{each.slowest_s:8.2f} s")


def attack(name: str, subject: Subject, times: int = 1) -> Tally:
    """Reads mutants of one kind of file; each must be read or raise an error of one clear line."""
    read, refused, slowest_s = 0, 0, 0.0
    for seed in range(times * subject.count):
        subject.mutate(random.Random(f"{name} {seed}"))
        # Processor time, because a busy machine is no fault of the file.
        began_s = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                # NumPy's warning about a header that it takes for one of Python 2.
                warnings.filterwarnings("ignore", "Reading `.npy`", UserWarning)
                subject.read()
            read += 1
        except VanillaGanError as error:
            refused += 1
            line = str(error)
            assert 10 < len(line) < 2500, (seed, line)
            assert "Traceback" not in line, (seed, line)
            assert printable(line).isprintable()
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {type(error).__name__}: {error}") from error
        took_s = time.process_time() - began_s
        assert took_s < SECONDS, (name, seed)
        slowest_s = max(slowest_s, took_s)
    TALLIES.append(Tally(name, read, refused, slowest_s))
    return TALLIES[-1]


def json_mutator(path: pathlib.Path, seal: Callable[[dict[str, Any]], bytes]) -> Mutate:
    """Returns a function that replaces a JSON file with a mutant, sealed like the original."""
    original = json.loads(path.read_bytes())

    def mutate(rng: random.Random) -> None:
        content = mutants.changed(original, rng)
        path.write_bytes(seal(content) if isinstance(content, dict) else b"[]")

    return mutate


def npz_mutator(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> Mutate:
    """Returns a function that writes a mutant of an npz file."""

    def mutate(rng: random.Random) -> None:
        path.write_bytes(mutants.changed_npz(arrays, rng))

    return mutate


def plain(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()


def run_json(tmp_path: pathlib.Path) -> Subject:
    out = make_run(tmp_path / "run", rewinds=2)

    def read() -> None:
        record = read_record(out)
        assert record is not None
        printable(facts_of(record).command)
        different_settings(record.config)
        changed_surroundings(record, "/CPU:0")
        continued_config(record, RunConfig(out=str(out)))
        matching(record.config, record.dataset["checksum"])

    return Subject(json_mutator(out / "run.json", mutants.sealed), read, 150)


def report(tmp_path: pathlib.Path) -> Subject:
    out = make_run(tmp_path / "run", pictures=2, rewinds=2)
    for iteration in (1000, 2000):
        shares = [0.25, 0.75]
        figures = {"frechet": 1.5, "recall": None}
        add_evaluation(out, Evaluation(iteration, 10, figures, {}, shares, shares))
    of_run = json_mutator(out / "run.json", mutants.sealed)
    of_quality = json_mutator(out / "quality.json", plain)
    run, quality = (out / "run.json").read_bytes(), (out / "quality.json").read_bytes()

    def mutate(rng: random.Random) -> None:
        (out / "run.json").write_bytes(run)
        (out / "quality.json").write_bytes(quality)
        rng.choice([of_run, of_quality])(rng)

    def read() -> None:
        write_report(ReportConfig(source=str(out), out=str(tmp_path / "x.html")), printable)

    return Subject(mutate, read, 30)


def compared(tmp_path: pathlib.Path) -> Subject:
    out = make_run(tmp_path / "run", pictures=1)
    mutate = json_mutator(out / "run.json", mutants.sealed)

    def read() -> None:
        found = compare(CompareConfig(source=str(out)))
        json_text(as_dict(found))
        agreement_table(as_dict(found))

    return Subject(mutate, read, 30)


def quality_json(tmp_path: pathlib.Path) -> Subject:
    for iteration in (0, 10, 20):
        add_evaluation(tmp_path, Evaluation(iteration, 9, {"frechet": 1.5, "recall": None}))
    return Subject(
        json_mutator(tmp_path / "quality.json", plain), lambda: read_evaluations(tmp_path), 150
    )


def run_lock(tmp_path: pathlib.Path) -> Subject:
    path = tmp_path / "run.lock"
    path.write_text('{"host": "a", "pid": 7, "started": "2026-02-03T04:05:06+00:00"}')
    return Subject(json_mutator(path, plain), lambda: _holder(path), 150)


def losses_csv(tmp_path: pathlib.Path) -> Subject:
    out = make_run(tmp_path / "run")
    path = out / "losses.csv"
    original = path.read_bytes()

    def mutate(rng: random.Random) -> None:
        lines = original.splitlines(keepends=True)
        number = rng.randrange(len(lines))
        cells = lines[number].split(b",")
        values = [b"nan", b"-inf", b"1.5", b"1e400", b"-3", b"", b"\x1b[2J", b"9" * 400, b"0x1"]
        cells[rng.randrange(3)] = rng.choice(values)
        lines[number] = b",".join(cells)
        content = b"".join(lines)
        path.write_bytes(content if rng.random() < 0.6 else mutants.changed_bytes(content, rng))

    return Subject(mutate, lambda: read_losses(path), 150)


def health_csv(tmp_path: pathlib.Path) -> Subject:
    out = make_run(tmp_path / "run")
    path = out / HEALTH

    def mutate(rng: random.Random) -> None:
        values = ["nan", "-inf", "1e308", "0", "1_0", "", "\x1b[2J", "9" * 5000, "0x1", "1 2"]
        wrong = rng.choice(values)
        rows = []
        for it in range(0, 5000, 250):
            cells = [str(it), *(str(rng.random()) for _ in NUMBERS), rng.choice(["", "3 0", "0"])]
            if rng.random() < 0.2:
                cells[rng.randrange(len(cells))] = wrong
            rows.append(",".join(cells) + "\n")
        content = (HEADER + "".join(rows)).encode()
        path.write_bytes(content if rng.random() < 0.8 else mutants.changed_bytes(content, rng))

    def read() -> None:
        found = examined(str(out))
        assert json.loads(json_text(doctor_dict(found)))
        assert printable(doctor_text(found).replace("\n", " ")).isprintable()

    return Subject(mutate, read, 150)


def checkpoint(tmp_path: pathlib.Path) -> tuple[RunConfig, Checkpoints, pathlib.Path, DataSet]:
    config = RunConfig(iters=9, sample_every=9, z_dim=3, batch_size=4, seed=1, out=str(tmp_path))
    random_stream = np.random.RandomState(1)
    train = DataSet(np.zeros((20, 784), np.uint8), np.zeros(20, np.uint8), random_stream)
    stream = stream_of(config.resolved(), train, random_stream)
    checkpoints = Checkpoints(tmp_path, "abc", 3)
    whole = {name: np.array(5) for name in ("losses_size", "losses_crc32", "rewinds")}
    checkpoints.save(
        7, lambda prefix: pathlib.Path(prefix).write_bytes(b"x" * 99), {**stream.state(), **whole}
    )
    return config, checkpoints, tmp_path / "checkpoints" / "0000000007", train


def manifest(tmp_path: pathlib.Path) -> Subject:
    _, checkpoints, folder, _ = checkpoint(tmp_path)

    def read() -> None:
        read_checkpoint(folder)
        checkpoints.newest_whole(lambda found: None, printable)

    return Subject(json_mutator(folder / "manifest.json", mutants.sealed), read, 150)


def state_npz(tmp_path: pathlib.Path) -> Subject:
    config, checkpoints, folder, train = checkpoint(tmp_path)
    with np.load(folder / "state.npz") as archive:
        original = dict(archive)
    described = json.loads((folder / "manifest.json").read_bytes())
    random_stream = np.random.RandomState(1)

    def mutate(rng: random.Random) -> None:
        content = mutants.changed_npz(original, rng)
        (folder / "state.npz").write_bytes(content)
        described["files"]["state.npz"] = mutants.entry(content)
        (folder / "manifest.json").write_bytes(mutants.sealed(described))

    def read() -> None:
        state = checkpoints.newest_whole(lambda found: None, printable).state
        try:
            check_state(state)
            stream = stream_of(config.resolved(), train.anew(random_stream), random_stream)
            stream.restore(state)
            random_stream.normal(size=100)
        except ValueError as error:
            raise VanillaGanError(f"state.npz does not belong to this run: {error}") from error

    return Subject(mutate, read, 150)


def export_record(tmp_path: pathlib.Path, exported: pathlib.Path) -> Subject:
    mutate = json_mutator(exported / "vanilla_gan.json", mutants.sealed)
    return Subject(mutate, lambda: read_origin(exported), 150)


def opened_export(tmp_path: pathlib.Path, exported: pathlib.Path) -> Subject:
    mutate = json_mutator(exported / "vanilla_gan.json", mutants.sealed)

    def read() -> None:
        with open_export(exported, CPU):
            pass

    return Subject(mutate, read, 20)


def inputs_npy(tmp_path: pathlib.Path, exported: pathlib.Path) -> Subject:
    path = tmp_path / "z.npy"
    generator = Generator.load(exported)

    def mutate(rng: random.Random) -> None:
        noise = np.random.RandomState(1).uniform(size=(7, generator.z_dim)).astype(np.float32)
        array = mutants.changed_array(noise, rng) if rng.random() < 0.5 else noise
        content = mutants.npy(array, rng)
        path.write_bytes(content if rng.random() < 0.7 else mutants.changed_bytes(content, rng))

    def read() -> None:
        config = SampleConfig(source=str(exported), inputs=str(path))
        for noise in _noise(config, generator, printable)[1]():
            generator(noise)

    return Subject(mutate, read, 150)


def weights_npz(tmp_path: pathlib.Path) -> Subject:
    path = tmp_path / "w.npz"
    arrays = {"D_W1": np.ones((5, 3), np.float32), "D_b1": np.ones(3, np.float32)}
    shapes = {name: array.shape for name, array in arrays.items()}
    return Subject(npz_mutator(path, arrays), lambda: read_weights(path, shapes), 150)


def traces_npz(tmp_path: pathlib.Path) -> Subject:
    path = tmp_path / "t.npz"
    shipped = pathlib.Path(read_traces.__code__.co_filename).with_name("recorded")
    with np.load(shipped / f"{RECORDINGS[0].name}.npz") as archive:
        mutate = npz_mutator(path, dict(archive))
    return Subject(mutate, lambda: read_traces(RECORDINGS[0], path), 30)


def events(tmp_path: pathlib.Path) -> Subject:
    path = tmp_path / "events.out.tfevents.0000000001"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for step in range(5):
            writer.write(tf.summary.Event(step=step).SerializeToString())
    original = path.read_bytes()

    def mutate(rng: random.Random) -> None:
        content = mutants.changed_bytes(original, rng)
        path.write_bytes(mutants.changed_record(content, rng) if rng.random() < 0.5 else content)

    def read() -> None:
        cut_back(path, 3)

    return Subject(mutate, read, 150)


SUBJECTS = {
    each.__name__: each
    for each in (
        *(run_json, report, compared, quality_json, run_lock, losses_csv, health_csv, manifest),
        *(state_npz, export_record, opened_export, inputs_npy, weights_npz, traces_npz, events),
    )
}


@pytest.fixture
def subject(request, tmp_path, exported):
    """Returns a subject by name; those of exports get the export of a short run."""
    make = SUBJECTS[request.param]
    if "exported" not in inspect.signature(make).parameters:
        return request.param, make(tmp_path)
    return request.param, make(tmp_path, exported("vanilla", tmp_path / "exported"))


@pytest.mark.parametrize("subject", SUBJECTS, indirect=True)
def test_each_file_is_read_or_ends_in_one_line(subject):
    tally = attack(*subject)
    # At least a tenth are refused, so the attack is real; mutants that change nothing are read.
    assert tally.read or subject[1].count < 150
    assert subject[0] in ("run_lock", "events") or tally.refused > tally.read / 9


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS, indirect=True)
def test_three_times_as_many(subject):
    name, of = subject
    attack(f"{name}, more", of, times=3)


# --- Variables of a checkpoint.


def replace_variable(folder: pathlib.Path, name: str, value: np.ndarray) -> None:
    """Replaces one of a checkpoint's variables, and writes a manifest that fits."""
    prefix = str(folder / "model.ckpt")
    reader = tf.train.load_checkpoint(prefix)
    arrays = {each: reader.get_tensor(each) for each in reader.get_variable_to_shape_map()}
    for path in folder.glob("model.ckpt*"):
        path.unlink()
    with tf.Graph().as_default(), tf.Session() as session:
        for each, array in {**arrays, name: value}.items():
            tf.get_variable(each, initializer=array, use_resource=True)
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver()
        saver.save(session, prefix, write_meta_graph=False, write_state=False)
    content = json.loads((folder / "manifest.json").read_bytes())
    for path in folder.glob("model.ckpt*"):
        content["files"][path.name] = mutants.entry(path.read_bytes())
    (folder / "manifest.json").write_bytes(mutants.sealed(content))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.full((7, 784), np.nan, np.float32), "draws numbers that are not finite"),
        (np.zeros((3000, 3000), np.float32), "does not hold the variables of system vanilla"),
        (np.zeros((7, 784), np.float64), "does not hold the variables of system vanilla"),
    ],
)
def test_weights_that_no_run_has(tmp_path, trained_run, capsys, value, said):
    run = pathlib.Path(shutil.copytree(trained_run("vanilla"), tmp_path / "run"))
    replace_variable(run / "checkpoints" / "0000000003", "G_W2", value)
    for words in (["--format=idx"], ["--interpolate=3", "--n=2"], []):
        status, line = failure(capsys, "sample", f"--from={run}", f"--out={tmp_path / 'x'}", *words)
        assert (status, said in line) == (1, True), line
