"""Tests for what the package exports: train, RunConfig, Generator, build_graph, VanillaGanError."""

from __future__ import annotations

import importlib
import io
import json
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import types
from typing import Any

import numpy as np
import pytest
from own_pictures import labelled, labelled_of, make_pictures
from processes import ROOT, python

import vanilla_gan
from vanilla_gan.cli import main as cli
from vanilla_gan.data.folder import read_folder
from vanilla_gan.errors import DivergedError, StoppedBySignal
from vanilla_gan.graph import tf1
from vanilla_gan.runfolder.health_csv import NUMBERS
from vanilla_gan.runfolder.record import read_record


def settings(data_dir: pathlib.Path, out: pathlib.Path, **others: Any) -> dict[str, Any]:
    return {
        "data_dir": str(data_dir),
        "out": str(out),
        "dataset": "mnist",
        "allow_unverified_data": True,
        "iters": 3,
        "seed": 5,
        "h_dim": 7,
        "z_dim": 3,
        "batch_size": 11,
        **others,
    }


@pytest.fixture(scope="module")
def trained(offline_data_dir, tmp_path_factory):
    """Returns the result of a run of three iterations."""
    out = tmp_path_factory.mktemp("interface") / "out"
    return vanilla_gan.train(vanilla_gan.RunConfig(**settings(offline_data_dir, out)))


NOTEBOOK = textwrap.dedent("""
    import io, json, sys

    class Cell(io.StringIO):
        def fileno(self):
            raise io.UnsupportedOperation("fileno")

    if sys.argv[2] == "cell":
        sys.stderr = sys.stdout = Cell()
    import vanilla_gan
    run = vanilla_gan.train(vanilla_gan.RunConfig(**json.loads(sys.argv[1])))
    with vanilla_gan.Generator.load(run.out) as generator:
        generator(generator.sample_Z(3, seed=1))
    vanilla_gan.build_graph(vanilla_gan.RunConfig(seed=1))
    sys.__stdout__.write(sys.stderr.getvalue() if sys.argv[2] == "cell" else "")
""")


@pytest.mark.parametrize(
    ("stderr", "engine"),
    [
        ("cell", "loop"),
        pytest.param("own", "loop", marks=pytest.mark.slow),
        pytest.param("cell", "feed", marks=pytest.mark.slow),
    ],
)
def test_tensorflow_starts_as_quietly_as_on_the_command_line(
    offline_data_dir, tmp_path, stderr, engine
):
    """Its messages go to the process's stderr, even if `sys.stderr` is a notebook's cell."""
    given = json.dumps(settings(offline_data_dir, tmp_path / "out", engine=engine))
    environment = dict.fromkeys(name for name in os.environ if name.startswith("TF_"))
    done = python("-c", NOTEBOOK, given, stderr, **environment)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    if stderr == "own":
        assert (lines[0][:16], lines[-1][:5], len(lines)) == ("vanilla on mnist", "done:", 3)
    else:
        assert (lines, "vanilla on mnist" in done.stdout) == ([], True)


@pytest.mark.slow
def test_loading_tensorflow_first_warns_of_the_cost(offline_data_dir, tmp_path):
    """TensorFlow then leaves oneDNN off on processors that have only AVX2."""
    code = textwrap.dedent("""
        import json, sys
        import tensorflow
        import vanilla_gan
        from vanilla_gan.graph.processor import has_instructions, onednn_is_on
        vanilla_gan.train(vanilla_gan.RunConfig(**json.loads(sys.argv[1])))
        print(has_instructions("avx2") and not onednn_is_on())
    """)
    given = json.dumps(settings(offline_data_dir, tmp_path / "out"))
    environment = dict.fromkeys(name for name in os.environ if name.startswith("TF_"))
    for choice, may_warn in ((None, True), ("0", False)):
        done = python("-c", code, given, **environment | {"TF_ENABLE_ONEDNN_OPTS": choice})
        assert done.returncode == 0, done.stderr
        loses = done.stdout.splitlines()[-1] == "True"
        assert ("TF_ENABLE_ONEDNN_OPTS=1" in done.stderr) == (loses and may_warn)


def test_a_run_with_a_long_error_can_be_read(offline_data_dir, tmp_path):
    """A deep network has a hundred weights to name."""

    class Diverging(vanilla_gan.Observer):
        def losses(self, block):
            raise DivergedError(block.first, f"iteration {block.first}: {'D_W1, ' * 400}not finite")

    config = vanilla_gan.RunConfig(**settings(offline_data_dir, tmp_path / "out"))
    with pytest.raises(DivergedError):
        vanilla_gan.train(config, observers=[Diverging()])
    assert read_record(tmp_path / "out").diverged["iteration"] == 0
    assert vanilla_gan.train(config).iterations == 3
    assert read_record(tmp_path / "out").diverged == {}


@pytest.mark.parametrize("error", [DivergedError(7, "not finite"), StoppedBySignal(15, "stopped")])
def test_an_error_comes_out_of_the_process_that_trained(error):
    """A pool of processes would wait for ever for an error that cannot be unpickled."""
    found = pickle.loads(pickle.dumps(error))
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))


class TestImport:
    def test_it_loads_nothing_else_until_a_name_is_asked_for(self):
        code = textwrap.dedent("""
            import sys
            before = set(sys.modules)
            import vanilla_gan
            first = sorted(set(sys.modules) - before)
            names = dir(vanilla_gan)
            still = sorted(set(sys.modules) - before)
            config = vanilla_gan.RunConfig(system="conv")
            interface = (vanilla_gan.train, vanilla_gan.build_graph, vanilla_gan.Generator)
            print(first, still == first, "tensorflow" in sys.modules)
            print(sorted(set(vanilla_gan.__all__) - set(names)), config.system)
        """)
        done = python("-c", code)
        assert done.stdout == "['vanilla_gan'] True False\n[] conv\n"

    def test_from_import_star_gives_all_of_it(self):
        names: dict[str, object] = {}
        exec("from vanilla_gan import *", names)
        assert {"train", "RunConfig", "Generator", "build_graph", "VanillaGanError"} <= set(names)

    def test_an_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="no attribute 'trian'"):
            vanilla_gan.trian  # noqa: B018
        with pytest.raises(ImportError):
            exec("from vanilla_gan import trian")

    @pytest.mark.slow
    def test_type_checkers_know_the_names_and_no_others(self, tmp_path):
        (tmp_path / "user.py").write_text(
            textwrap.dedent("""
                import pathlib
                import vanilla_gan
                config: vanilla_gan.RunConfig = vanilla_gan.RunConfig(iters=3)
                where: pathlib.Path = vanilla_gan.train(config).checkpoint
                images = vanilla_gan.Generator.load(where)([[0.5]])
                vanilla_gan.fork(where, config)
                wrong: int = vanilla_gan.train(config).out
                vanilla_gan.trian
            """)
        )
        done = python("-m", "mypy", "--follow-imports=silent", tmp_path / "user.py")
        errors = [line for line in done.stdout.splitlines() if ": error: " in line]
        assert len(errors) == 2, done.stdout
        assert "[assignment]" in errors[0]
        assert "[attr-defined]" in errors[1]


class TestTrain:
    def test_it_returns_the_runs_state(self, trained):
        assert trained.iterations == 3
        assert trained.checkpoint == trained.out / "checkpoints" / "0000000003"
        assert trained.checkpoint.is_dir()
        assert trained.health.dtype.names == ("iteration", *NUMBERS)

    def test_it_trains_as_the_command_does(self, trained, offline_data_dir, tmp_path):
        words = [
            f"--{name}={value}" for name, value in settings(offline_data_dir, tmp_path).items()
        ]
        assert cli.main(["train", *words]) == 0
        for name in ("losses.csv", "000.png", "checkpoints/0000000003/state.npz"):
            assert (trained.out / name).read_bytes() == (tmp_path / name).read_bytes()

    def test_what_is_given_is_what_was_asked_for(self, offline_data_dir, tmp_path, capsys):
        begun = settings(offline_data_dir, tmp_path, label_smoothing=0.1)
        vanilla_gan.train(vanilla_gan.RunConfig(**begun))
        # Everything else is taken from the run, h_dim and the data too.
        further = vanilla_gan.train(vanilla_gan.RunConfig(iters=4, out=str(tmp_path)))
        assert further.iterations == 4
        with pytest.raises(vanilla_gan.VanillaGanError, match="--h_dim was 7, is 8"):
            vanilla_gan.train(vanilla_gan.RunConfig(iters=5, h_dim=8, out=str(tmp_path)))
        # Even if it is the default, as on the command line.
        with pytest.raises(vanilla_gan.VanillaGanError, match="--label_smoothing was"):
            vanilla_gan.train(vanilla_gan.RunConfig(label_smoothing=0.0, out=str(tmp_path)))
        assert cli.main(["train", "--label_smoothing=0", f"--out={tmp_path}"]) == 2
        # With nothing left to do, it says so and returns the same.
        capsys.readouterr()
        again = vanilla_gan.train(vanilla_gan.RunConfig(iters=4, out=str(tmp_path)))
        assert again == further
        assert "this run is finished" in capsys.readouterr().err
        # It can still be read after its checkpoints were removed to save space.
        shutil.rmtree(tmp_path / "checkpoints")
        assert vanilla_gan.train(vanilla_gan.RunConfig(iters=4, out=str(tmp_path))) == further
        assert len(further.losses.iteration) > 0

    def test_it_works_in_a_thread_with_the_streams_of_a_notebook(
        self, offline_data_dir, tmp_path, monkeypatch
    ):
        # As in a notebook: streams that are not files, and no main thread to handle signals in.
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        returned: list[Any] = []
        config = vanilla_gan.RunConfig(**settings(offline_data_dir, tmp_path))
        thread = threading.Thread(target=lambda: returned.append(vanilla_gan.train(config)))
        thread.start()
        thread.join()
        assert returned[0].iterations == 3
        lines = out.getvalue().splitlines()
        assert [line.partition(": ")[0] for line in lines] == ["Iter", "D loss", "G_loss", ""]
        assert err.getvalue().splitlines()[-1].startswith("done: 3 iterations")

    def test_a_users_own_observer_is_told_of_the_run(self, offline_data_dir, tmp_path):
        told: list[Any] = []

        class Mine(vanilla_gan.Observer):
            def picture(self, it, samples):
                told.append(("picture", it, samples.shape))

            def losses(self, block):
                told.append(("losses", block.first, block.D_loss.tolist()))

        given = settings(offline_data_dir, tmp_path, sample_every=2, log_every=1)
        run = vanilla_gan.train(vanilla_gan.RunConfig(**given), observers=[Mine()])
        assert [one[1:] for one in told if one[0] == "picture"] == [(0, (16, 784)), (2, (16, 784))]
        losses = [loss for one in told if one[0] == "losses" for loss in one[2]]
        np.testing.assert_allclose(run.losses.d_loss, losses, rtol=1e-8)

    def test_an_observer_that_fails_ends_the_run_as_it_is(self, offline_data_dir, tmp_path):
        class Failing(vanilla_gan.Observer):
            def picture(self, it, samples):
                raise ZeroDivisionError

        config = vanilla_gan.RunConfig(**settings(offline_data_dir, tmp_path))
        with pytest.raises(ZeroDivisionError):
            vanilla_gan.train(config, observers=[Failing()])
        assert vanilla_gan.train(config).iterations == 3

    def test_an_interrupt_that_comes_when_all_is_trained_is_not_lost(
        self, offline_data_dir, tmp_path, default_handlers
    ):
        class Late(vanilla_gan.Observer):
            def close(self):
                signal.raise_signal(signal.SIGINT)

        config = vanilla_gan.RunConfig(**settings(offline_data_dir, tmp_path))
        with pytest.raises(KeyboardInterrupt):
            vanilla_gan.train(config, observers=[Late()])
        assert vanilla_gan.train(config).iterations == 3

    def test_an_interrupt_waits_until_tensorflow_is_loaded(
        self, offline_data_dir, tmp_path, monkeypatch, default_handlers
    ):
        """Its modules register operations, which can be done only once in a process."""
        loaded = []

        def load():
            signal.raise_signal(signal.SIGINT)
            loaded.append("whole")

        monkeypatch.setattr("vanilla_gan.training.run.load_tensorflow", load)
        config = vanilla_gan.RunConfig(**settings(offline_data_dir, tmp_path / "out"))
        with pytest.raises(KeyboardInterrupt):
            vanilla_gan.train(config)
        assert loaded == ["whole"]
        assert not (tmp_path / "out").exists()

    def test_it_also_waits_outside_of_a_run(self, monkeypatch, default_handlers):
        """As in `Generator.load`, `evaluate` and `build_graph`."""
        loaded = []

        def load(name):
            signal.raise_signal(signal.SIGINT)
            loaded.append(name)
            return types.ModuleType(name)

        monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
        monkeypatch.setattr("gc.isenabled", lambda: False)
        monkeypatch.setattr(importlib, "import_module", load)
        with pytest.raises(KeyboardInterrupt):
            tf1._loaded("tensorflow.compat.v1")
        assert loaded == ["tensorflow.compat.v1"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    @pytest.mark.slow
    def test_a_signal_saves_the_run_but_ends_the_program_as_usual(self, offline_data_dir, tmp_path):
        given = settings(offline_data_dir, tmp_path, iters=10**7, sample_every=10)
        code = f"""if True:
            import vanilla_gan
            for _ in range(2):
                try:
                    vanilla_gan.train(vanilla_gan.RunConfig(**{given!r}))
                except vanilla_gan.VanillaGanError:
                    pass
        """
        program = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert program.stdout is not None
        assert any("Iter: 20" in line for line in program.stdout)
        program.terminate()
        program.communicate()
        assert program.returncode == -signal.SIGTERM
        run = vanilla_gan.train(vanilla_gan.RunConfig(iters=5, out=str(tmp_path)))
        assert run.iterations > 20


class TestOtherCommands:
    def test_each_does_what_the_command_does(self, trained, tmp_path, capsys):
        assert cli.main(["compare", f"--from={trained.out}", "--format=json"]) in (0, 1, 3)
        printed = json.loads(capsys.readouterr().out)
        assert vanilla_gan.compare(trained.out) == printed
        page = vanilla_gan.make_report(trained.out, out=str(tmp_path / "page.html"))
        assert page.read_text().lower().startswith("<!doctype html>")
        weights = vanilla_gan.export(trained.out, tmp_path / "w.npz", format="npz")
        with np.load(weights) as arrays:
            assert arrays["G_W1"].shape == (3, 7)
        with pytest.raises(vanilla_gan.VanillaGanError, match="--n=-1"):
            vanilla_gan.evaluate(trained.out, n=-1)

    def test_evaluate_returns_what_the_command_prints(self, trained, capsys):
        assert cli.main(["evaluate", f"--from={trained.out}", "--format=json", "--n=20"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert json.loads(json.dumps(vanilla_gan.evaluate(trained.out, n=20))) == printed
        assert [each.iteration for each in trained.quality] == [3]

    def test_pictures_in_a_folder_become_a_data_set(self, tmp_path):
        made = make_pictures(tmp_path / "p", {"a": 4}, size=(9, 9))["a"]
        found = vanilla_gan.import_images(tmp_path / "p", tmp_path / "birds", size=9)
        assert found == tmp_path / "birds"
        assert labelled_of(found, copies=0) == labelled(made, [0] * 4)

    def test_images_in_an_array_become_a_data_set(self, tmp_path):
        images = np.random.RandomState(0).randint(0, 256, (60, 5, 7, 3), np.uint8)
        labels = np.arange(60) % 3
        out = tmp_path / "birds"
        assert (
            vanilla_gan.import_arrays(images, labels, out=out, classes=np.array(["a", "b", "c"]))
            == out
        )
        raw = read_folder(out)
        assert (len(raw.train_images), len(raw.test_images), raw.validation) == (51, 9, 5)
        kept = np.concatenate([raw.train_images, raw.test_images])
        order = [int(np.flatnonzero((images == image).all((1, 2, 3)))[0]) for image in kept]
        assert sorted(order) == list(range(60))
        assert [*raw.train_labels, *raw.test_labels] == labels[order].tolist()
        config = vanilla_gan.RunConfig(
            **{**settings(tmp_path, tmp_path / "out"), "dataset": "birds", "batch_size": 11}
        )
        run = vanilla_gan.train(config)
        assert run.iterations == 3
        record = json.loads((run.out / "run.json").read_text())["dataset"]
        assert (record["image_shape"], record["class_names"]) == ([5, 7, 3], ["a", "b", "c"])
        for wrong in (
            (images / 255.0,),
            (images[0, 0],),
            ([images[0], images[1, :3]],),
            (images, labels[:5]),
            (images, labels - 1),
        ):
            with pytest.raises(vanilla_gan.VanillaGanError, match="expected"):
                vanilla_gan.import_arrays(*wrong, out=tmp_path / "other")
        with pytest.raises(vanilla_gan.VanillaGanError, match="expected a different, non-empty"):
            vanilla_gan.import_arrays(images, labels, out=tmp_path / "o", classes=["a", "b", "a"])
        with pytest.raises(vanilla_gan.VanillaGanError, match="but the largest label is 2"):
            vanilla_gan.import_arrays(images, labels, out=tmp_path / "o", classes=["a", "b"])
        with pytest.raises(vanilla_gan.VanillaGanError, match="it exists already"):
            vanilla_gan.import_arrays(images, out=out)


class TestGenerator:
    def test_it_loads_a_run_and_its_checkpoint(self, trained):
        for path in (trained.out, trained.checkpoint, str(trained.out)):
            with vanilla_gan.Generator.load(path) as generator:
                Z = generator.sample_Z(5, seed=2)
                assert generator(Z).shape[0] == 5
            generator.close()
            with pytest.raises(vanilla_gan.VanillaGanError, match="closed"):
                generator(Z)


class TestBuildGraph:
    def test_it_is_built_in_a_graph_of_its_own(self):
        import tensorflow as tf

        gan = vanilla_gan.build_graph(vanilla_gan.RunConfig(seed=1))
        assert gan.X.graph is gan.Z.graph is gan.G_solver.graph
        assert gan.X.graph is not tf.compat.v1.get_default_graph()
        assert tf.compat.v1.get_default_graph().get_operations() == []
        assert tf.executing_eagerly()

    def test_averages_begin_as_the_weights(self):
        import tensorflow as tf

        drawn = []
        for ema in (None, 0.9):
            gan = vanilla_gan.build_graph(vanilla_gan.RunConfig(seed=1, ema=ema))
            with tf.compat.v1.Session(graph=gan.X.graph) as session:
                session.run(gan.init)
                drawn.append(session.run(gan.G_sample, {gan.Z: np.ones((2, 100))}))
        np.testing.assert_array_equal(*drawn)

    def test_a_given_graph_is_taken_if_it_has_no_variables(self):
        import tensorflow as tf

        graph = tf.Graph()
        gan = vanilla_gan.build_graph(vanilla_gan.RunConfig(), graph)
        assert gan.X.graph is graph
        with pytest.raises(vanilla_gan.VanillaGanError, match="the graph already has variables"):
            vanilla_gan.build_graph(vanilla_gan.RunConfig(), graph)

    def test_the_settings_of_a_finished_run_fit(self, offline_data_dir, tmp_path):
        # They hold both epochs and the iters that follow from them.
        config = vanilla_gan.RunConfig(
            **settings(offline_data_dir, tmp_path, system="layers", iters=None, epochs=1)
        )
        vanilla_gan.train(config)
        recorded = json.loads((tmp_path / "run.json").read_text())["config"]
        assert recorded["iters"] > recorded["epochs"] == 1
        # And the numbers of threads that `--tune` chose.
        recorded |= {"tune": True, "intra_op_threads": 2}
        gan = vanilla_gan.build_graph(vanilla_gan.RunConfig.from_json(recorded))
        assert gan.Z.shape.as_list() == [None, 3]

    def test_a_setting_of_another_system_is_refused(self):
        with pytest.raises(vanilla_gan.VanillaGanError, match="--h_dim does not apply"):
            vanilla_gan.build_graph(vanilla_gan.RunConfig(system="conv", h_dim=3))
