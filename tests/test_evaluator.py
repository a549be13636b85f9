"""Tests of `--evaluate_every`: it changes nothing in a run, and its figures are reproducible."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
from offline import read_variables, train

from vanilla_gan.cli.main import main
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.errors import OutputError
from vanilla_gan.observers import evaluator, health
from vanilla_gan.observers.evaluator import Evaluator
from vanilla_gan.quality.evaluate import evaluate
from vanilla_gan.quality.figures import Figures
from vanilla_gan.quality.settings import EvaluateConfig
from vanilla_gan.quality.trained_classifier import open_classifier
from vanilla_gan.report.report import write_report
from vanilla_gan.report.settings import ReportConfig
from vanilla_gan.runfolder.best import best_of
from vanilla_gan.runfolder.checkpoint import Checkpoints
from vanilla_gan.runfolder.health_csv import read_health
from vanilla_gan.runfolder.names import QUALITY, RUN_JSON
from vanilla_gan.runfolder.quality_json import Evaluation, add_evaluation, read_evaluations
from vanilla_gan.runfolder.record import new_record, read_record
from vanilla_gan.settings import BETTER, RunConfig
from vanilla_gan.storage.sealed_json import read_sealed, write_sealed
from vanilla_gan.training.fork import fork
from vanilla_gan.training.host import Host

# Enough to distinguish two generators.
SAMPLES = 50
SMALL = {"seed": 5, "batch_size": 11, "z_dim": 5, "sample_every": 2, "checkpoint_every": 2}


@pytest.fixture(autouse=True, scope="module")
def few_samples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator, "SAMPLES", SAMPLES)
        yield


@pytest.fixture(scope="module")
def data_dir(offline_data_dir):
    """Returns the folder of the offline data; their classifier is in the cache."""
    stream = np.random.RandomState(0)
    source = read_data_sets("mnist", offline_data_dir, stream, allow_unverified=True)
    with open_classifier(source, print):
        return offline_data_dir


@pytest.fixture(scope="module")
def evaluated(few_samples, data_dir, tmp_path_factory):
    """Returns the folder of a run of 7 iterations, evaluated at 0, 4 and 7; not to be changed."""
    out = tmp_path_factory.mktemp("evaluated") / "out"
    train(out, data_dir, **SMALL, iters=7, evaluate_every=4, keep_checkpoints=9)
    return out


def files_of(out):
    """Returns the bytes of all numbers that a run leaves: losses, pictures, variables."""
    return {
        **{name: value.tobytes() for name, value in read_variables(out, 7).items()},
        **{path.name: path.read_bytes() for path in [*out.glob("0*.png"), out / "losses.csv"]},
    }


def evaluations_in(log):
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    found = [line for line in lines if line["event"] == "evaluation"]
    return [[*map(line.pop, ("iteration", "n")), without(line)] for line in found]


def without(line):
    return {name: value for name, value in line.items() if name not in ("run_id", "event")}


@pytest.mark.parametrize(
    ("system", "settings"),
    [
        ("vanilla", {}),
        # Slow because there are many: each builds a graph or two and evaluates three times.
        pytest.param("conditional", {}, marks=pytest.mark.slow),
        pytest.param("vanilla", {"engine": "feed"}, marks=pytest.mark.slow),
        pytest.param("conv", {}, marks=pytest.mark.slow),
        pytest.param("layers", {}, marks=pytest.mark.slow),
    ],
)
def test_the_run_is_the_same_bit_for_bit(data_dir, tmp_path, system, settings):
    settings = {**SMALL, **settings, "system": system, "iters": 7}
    log = tmp_path / "log.jsonl"
    with_it = train(tmp_path / "with", data_dir, **settings, evaluate_every=4, log_json=str(log))
    without = train(tmp_path / "without", data_dir, **settings)
    assert files_of(with_it.out) == files_of(without.out)
    assert with_it.stdout == without.stdout
    found = read_evaluations(with_it.out)
    assert [each.iteration for each in found] == [0, 4, 7]
    assert not (without.out / QUALITY).exists()
    assert len({json.dumps(each.figures) for each in found}) == 3
    assert evaluations_in(log) == [[each.iteration, each.n, each.figures] for each in found]


def test_what_is_written(evaluated):
    content = json.loads((evaluated / QUALITY).read_text())
    assert content["format"] == 1
    assert [each["iteration"] for each in content["evaluations"]] == [0, 4, 7]
    for each in content["evaluations"]:
        assert each["n"] == SAMPLES
        assert list(each["figures"]) == list(Figures._fields)
        assert all(type(value) in (int, float) for value in each["figures"].values())


@pytest.mark.parametrize("iteration", [0, 4, 7])
def test_the_command_finds_the_same_figures(evaluated, data_dir, tmp_path, iteration):
    run = tmp_path / "run"
    shutil.copytree(evaluated, run)
    checkpoint = run / "checkpoints" / f"{iteration:010d}"
    found = evaluate(
        EvaluateConfig(source=str(checkpoint), n=SAMPLES, data_dir=str(data_dir)), print
    )
    (expected,) = [each for each in read_evaluations(evaluated) if each.iteration == iteration]
    assert (found["n"], found["figures"]) == (expected.n, expected.figures)
    assert read_evaluations(run) == read_evaluations(evaluated)


def test_what_was_found_after_the_checkpoint_is_repeated(evaluated, data_dir, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(evaluated, run)
    for iteration in (4, 6, 7):
        shutil.rmtree(run / "checkpoints" / f"{iteration:010d}")
    # As after a kill: the run never reached its end.
    record = read_sealed(run / RUN_JSON)
    write_sealed(run / RUN_JSON, {**record, "trained": 0})
    # Values that no evaluation has, so that old ones are not mistaken for new ones.
    for iteration in (3, 4, 7):
        add_evaluation(run, Evaluation(iteration, SAMPLES, {"frechet": -1.0}))
    add_evaluation(run, Evaluation(2, 11, {"frechet": -2.0}))
    train(run, data_dir, **SMALL, iters=7, evaluate_every=4)
    found = read_evaluations(run)
    # The evaluation of iteration 2 is not after the checkpoint.
    assert found.pop(1) == Evaluation(2, 11, {"frechet": -2.0})
    assert found == read_evaluations(evaluated)


def test_a_run_that_lacks_only_its_last_evaluation(evaluated, data_dir, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(evaluated, run)
    record = read_sealed(run / RUN_JSON)
    write_sealed(run / RUN_JSON, {**record, "trained": 0})
    content = json.loads((run / QUALITY).read_text())
    content["evaluations"].pop()
    (run / QUALITY).write_text(json.dumps(content))
    train(run, data_dir, **SMALL, iters=7, evaluate_every=4)
    assert (run / QUALITY).read_bytes() == (evaluated / QUALITY).read_bytes()


@pytest.mark.slow
def test_a_longer_run_keeps_what_was_found(evaluated, data_dir, tmp_path):
    run, log = tmp_path / "run", tmp_path / "log.jsonl"
    shutil.copytree(evaluated, run)
    # The first run ends at iteration 8, before the picture that a longer run has there.
    for iters in (8, 9, 11):
        train(run, data_dir, iters=iters, evaluate_every=4, log_json=str(log))
    found = read_evaluations(run)
    assert [each.iteration for each in found] == [0, 4, 7, 8, 9, 11]
    assert found[:3] == read_evaluations(evaluated)
    assert evaluations_in(log) == [[each.iteration, each.n, each.figures] for each in found[3:]]


@pytest.mark.slow
def test_at_most_half_of_the_training_images(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluator, "SAMPLES", 10_000)
    train(tmp_path / "out", data_dir, **SMALL, iters=1, evaluate_every=2)
    assert [each.n for each in read_evaluations(tmp_path / "out")] == [500, 500]


@pytest.mark.slow
def test_a_picture_right_at_the_end_is_evaluated_once(data_dir, tmp_path, monkeypatch):
    evaluated_at = []
    measure = Evaluator._evaluate

    def note(self, it):
        evaluated_at.append(it)
        measure(self, it)

    monkeypatch.setattr(Evaluator, "_evaluate", note)
    log = tmp_path / "log.jsonl"
    settings = {"system": "conv", "iters": 4, "evaluate_every": 4, "log_json": str(log)}
    train(tmp_path / "out", data_dir, **SMALL, **settings)
    # It is asked twice at 4; the second time, the evaluation is there already.
    assert evaluated_at == [0, 4, 4]
    assert [each.iteration for each in read_evaluations(tmp_path / "out")] == [0, 4]
    assert [iteration for iteration, _, _ in evaluations_in(log)] == [0, 4]


def test_a_run_that_stops_is_not_evaluated_at_its_end(data_dir, tmp_path):
    # The offline images and this rate make the log form diverge at once.
    out = tmp_path / "out"
    settings = {**SMALL, "loss": "log", "learning_rate": 50.0, "iters": 100, "evaluate_every": 100}
    with pytest.raises(Exception, match="stopped at iteration"):
        train(out, data_dir, **settings)
    assert [each.iteration for each in read_evaluations(out)] == [0]


def test_a_file_that_holds_no_evaluations(data_dir, tmp_path):
    (tmp_path / QUALITY).write_text("mine")
    train(tmp_path, data_dir, **SMALL, iters=3, evaluate_every=2)
    assert (tmp_path / f"{QUALITY}.1").read_text() == "mine"
    assert [each.iteration for each in read_evaluations(tmp_path)] == [0, 2, 3]


def test_classes_are_watched(data_dir, tmp_path, monkeypatch):
    """The health.csv row of each picture counts samples by class; no other number changes."""
    monkeypatch.setattr(health, "WATCHED", SAMPLES)
    settings = {**SMALL, "iters": 7, "health_every": 3}
    watched = train(tmp_path / "with", data_dir, **settings, watch_classes=True)
    rows = read_health(watched.out / "health.csv")
    assert rows.iteration.tolist() == [0, 2, 3, 4, 6]
    counts = [[int(count) for count in row.split()] for row in rows.classes]
    assert [(len(each), sum(each)) for each in counts] == [
        (0, 0) if it % 2 else (10, SAMPLES) for it in rows.iteration
    ]
    assert files_of(watched.out) == files_of(train(tmp_path / "without", data_dir, **settings).out)


def of(*values, figure="frechet", n=SAMPLES):
    """Returns evaluations of iterations 0, 2, 4, ..."""
    return [Evaluation(2 * k, n, {figure: value}) for k, value in enumerate(values)]


@pytest.mark.parametrize(
    ("figure", "values", "kept", "before", "best"),
    [
        ("frechet", (9.0, 3.0, 5.0, 3.0), range(9), None, (2, 3.0, 2)),
        ("recall", (0.1, 0.7, 0.5, 0.7), range(9), None, (2, 0.7, 2)),
        ("recall", (0.1, None, 0.5, None), range(9), None, (4, 0.5, 1)),
        # The overall best is gone: the best one kept counts, but no gain since the overall best.
        ("frechet", (1.0, 4.0, 3.0, 5.0), (2, 4, 6), None, (4, 3.0, 3)),
        # The best one's evaluation was replaced by one with other samples.
        ("frechet", (9.0, 7.0), (0, 2, 4), ("frechet", 4, 5.0), (4, 5.0, 0)),
        ("frechet", (9.0, 7.0), (0, 2, 4), ("recall", 4, 5.0), (2, 7.0, 0)),
        ("frechet", (None, None), range(9), None, None),
        ("frechet", (1.0, 2.0), (), None, None),
    ],
)
def test_which_one_is_the_best(figure, values, kept, before, best):
    record = new_record(RunConfig(keep_best=figure, evaluate_every=2), {}, "")
    names = ("figure", "iteration", "value", "no_gain")
    if before is not None:
        record.best = dict(zip(names, (*before, 0), strict=True))
    expected = {} if best is None else dict(zip(names, (figure, *best), strict=True))
    assert best_of(record, of(*values, figure=figure), kept) == expected
    # Evaluations at an earlier end of the run, or made by hand, do not count for `no_gain`.
    better = {"frechet": 0.01, "recall": 0.99}[figure]
    more = [Evaluation(it, SAMPLES, {figure: better}) for it in (5, 7)]
    if best is not None:
        found = best_of(record, [*of(*values, figure=figure), *more], kept)
        assert found["no_gain"] == expected["no_gain"]


def test_a_fork_with_other_settings_need_not_be_better_than_its_parent_was():
    record = new_record(RunConfig(keep_best="frechet", evaluate_every=2), {}, "")
    record.parent = {"iteration": 4, "changes": [{"setting": "h_dim", "was": 1, "is": 2}]}
    found = best_of(record, of(1.0, 5.0, 4.0, 3.0, 2.0), (4, 6, 8))
    assert (found["iteration"], found["no_gain"]) == (8, 0)


# A rate at which the samples of the offline run also get worse at times.
BEST = {**SMALL, "iters": 15, "evaluate_every": 2, "keep_checkpoints": 1, "learning_rate": 0.02}


def best_by_hand(out, figure):
    """Returns iteration and value of the best evaluation."""
    values = {each.iteration: each.figures[figure] for each in read_evaluations(out)}
    best = (max if BETTER[figure] == "higher" else min)(values.values())
    return next(it for it, value in values.items() if value == best), best


def kept_iterations(out):
    return sorted(int(path.name) for path in (out / "checkpoints").iterdir())


@pytest.fixture(scope="module")
def kept(few_samples, data_dir, tmp_path_factory):
    """Returns the folder of a run that kept its best checkpoint; not to be changed."""
    out = tmp_path_factory.mktemp("kept") / "out"
    train(out, data_dir, **BEST, keep_best="frechet")
    return out


@pytest.mark.slow
def test_the_best_one_is_kept_beside_the_newest(kept, data_dir, tmp_path, capsys):
    best, value = best_by_hand(kept, "frechet")
    assert 0 < best < 14
    assert kept_iterations(kept) == [best, 15]
    record = read_record(kept)
    assert (record.best["iteration"], record.best["value"]) == (best, value)
    # It is the same run, bit for bit, as without `--keep_best`; and each command knows `best`.
    plain = train(tmp_path / "plain", data_dir, **{**BEST, "keep_checkpoints": 99})
    assert (plain.out / "losses.csv").read_bytes() == (kept / "losses.csv").read_bytes()
    one, other = read_variables(plain.out, best), read_variables(kept, best)
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in other.items()}
    named, numbered = (f"--from={kept}/{of}" for of in ("best", f"checkpoints/{best:010d}"))
    for command, *flags in (("sample", "--seed=1", "--format=npy"), ("export", "--format=npz")):
        results = [tmp_path / f"{command}{k}.{flags[-1][-3:]}" for k in range(2)]
        for source, result in zip((named, numbered), results, strict=True):
            assert main([command, source, *flags, f"--out={result}"]) == 0
        assert results[0].read_bytes() == results[1].read_bytes()
    lines = []
    write_report(ReportConfig(source=str(kept), out=str(tmp_path / "page.html")), lines.append)
    assert f"iteration {best:,}" in (tmp_path / "page.html").read_text()
    run = tmp_path / "run"
    shutil.copytree(kept, run)
    words = ["evaluate", f"--from={run}/best", "--format=json", f"--data_dir={data_dir}"]
    capsys.readouterr()
    assert main([*words, f"--n={SAMPLES}"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["frechet"] == value
    # Evaluating the best one with another number of samples loses nothing of the run.
    assert main([*words, "--n=20"]) == 0
    train(run, data_dir, iters=17)
    assert kept_iterations(run) == [best, 17]
    words = ["fork", f"--from={kept}/best", f"--out={tmp_path}/child", f"--data_dir={data_dir}"]
    for iters in (best + 1, best + 2):
        assert main([*words, f"--iters={iters}"]) == 0
    assert read_record(tmp_path / "child").parent["iteration"] == best


def test_a_lost_best_one_is_found_again(kept, data_dir, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(kept, run)
    best, _ = best_by_hand(kept, "frechet")
    train(tmp_path / "plain", data_dir, **{**BEST, "keep_checkpoints": 99, "iters": best - 1})
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(tmp_path / "plain" / "checkpoints", run / "checkpoints")
    # The run continues before its best one, as after a kill that lost all later checkpoints.
    for path in (run / "checkpoints").iterdir():
        manifest = read_sealed(path / "manifest.json")
        write_sealed(path / "manifest.json", {**manifest, "run_id": read_record(run).run_id})
    record = read_sealed(run / RUN_JSON)
    write_sealed(run / RUN_JSON, {**record, "trained": 0})
    train(run, data_dir, iters=15)
    assert (run / QUALITY).read_bytes() == (kept / QUALITY).read_bytes()
    assert read_record(run).best == read_record(kept).best
    assert kept_iterations(run) == kept_iterations(kept)


@pytest.mark.slow
def test_a_run_without_gain_ends(data_dir, tmp_path):
    settings = {**BEST, "iters": 40, "keep_best": "frechet", "report": True}
    ended = train(tmp_path / "ended", data_dir, **settings, stop_after_no_gain=2)
    values = [each.figures["frechet"] for each in read_evaluations(ended.out)]
    best = next(k for k in range(len(values)) if min(values[k : k + 3]) == values[k])
    assert len(values) == best + 3
    at = 2 * (best + 2)
    assert ended.record()["trained"] == at < 40
    assert ended.losses()[-1][0] < at
    assert kept_iterations(ended.out) == sorted({2 * best, at})
    assert f"Finished: {at} of 40" in (ended.out / "report.html").read_text()
    (line,) = (line for line in ended.lines if line.startswith("done: "))
    assert f"{at} of 40" in line
    assert "2 evaluations" in line
    again = train(ended.out, data_dir, **settings, stop_after_no_gain=2)
    assert f"{at} of 40" in again.lines[-1]
    # As if killed before its end was recorded: it ends there again.
    record = read_sealed(ended.out / RUN_JSON)
    write_sealed(ended.out / RUN_JSON, {**record, "trained": 0})
    again = train(ended.out, data_dir, **settings, stop_after_no_gain=2)
    assert again.record()["trained"] == at
    # A fork with other settings has to gain only on its own evaluations.
    other = RunConfig(out=str(tmp_path / "other"), learning_rate=0.01)
    fork(str(ended.out), other, Host(stdout=io.StringIO(), inform=lambda line: None))
    assert read_record(other.out_dir).trained >= at + 4
    # It goes on if told to, with the same bits as a run that never stopped.
    further = train(ended.out, data_dir, **{**settings, "iters": 30}, stop_after_no_gain=0)
    whole = train(tmp_path / "whole", data_dir, **{**settings, "iters": 30})
    assert further.record()["trained"] == 30
    for name in ("losses.csv", QUALITY):
        assert (further.out / name).read_bytes() == (whole.out / name).read_bytes()
    assert read_record(further.out).best == read_record(whole.out).best


@pytest.mark.slow
def test_an_end_that_could_not_be_saved_is_not_evaluated(data_dir, tmp_path, monkeypatch):
    save = Checkpoints.save

    def full(self, iteration, *arguments):
        if iteration == 8:
            raise OutputError("no space")
        save(self, iteration, *arguments)

    monkeypatch.setattr(Checkpoints, "save", full)
    with pytest.raises(OutputError):
        train(tmp_path, data_dir, **SMALL, iters=8, evaluate_every=6)
    assert [each.iteration for each in read_evaluations(tmp_path)] == [0, 6]


def test_what_has_no_best_one_says_so(evaluated, tmp_path, capsys):
    for words, said in (
        (["--keep_best=frechet"], "--keep_best=frechet needs evaluations"),
        (["--keep_best=entropy", "--evaluate_every=1000"], "--keep_best=entropy"),
        (["--stop_after_no_gain=3", "--evaluate_every=1000"], "=3 needs a figure to compare"),
        (["sample", f"--from={evaluated}/best"], "there is no best checkpoint, because this run"),
        (["fork", f"--from={evaluated}/best"], "there is no best checkpoint, because this run"),
    ):
        assert main([*words, f"--out={tmp_path}/none"]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert said in error
