"""Fixtures that several test files share."""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import offline
import pytest
from garbage import pass_over_what_is_loaded
from one_layer import Layer

from vanilla_gan.data.shape import PUBLISHED_SHAPE
from vanilla_gan.graph.tf1 import set_environment
from vanilla_gan.settings import ENGINES
from vanilla_gan.training.recorder import Recorder
from vanilla_gan.training.signals import STOP_SIGNALS

# The program does this before it loads TensorFlow, but a test may load TensorFlow first. Both
# variables decide how sums are rounded.
set_environment()

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--snapshot`."""
    parser.addoption("--snapshot", action="store_true", help="write tests/error_texts.txt anew")


def pytest_collection_finish() -> None:
    """Sets up the garbage collector once all test files are imported."""
    pass_over_what_is_loaded()


@pytest.fixture(scope="session", autouse=True)
def users_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """Gives all tests one cache, and settings without the user's plug-ins; returns the cache."""
    folder = tmp_path_factory.mktemp("users_cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        yield folder


@pytest.fixture
def elsewhere(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Runs the test in an empty folder of its own, so that stray files show; returns the folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("VANILLA_GAN_DATA", raising=False)
    # The command line would set it if it were not set, and monkeypatch would not undo that.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    return folder


@pytest.fixture(scope="session")
def real_data_dir() -> pathlib.Path:
    """Returns the folder that holds `mnist/` and `fashion_mnist/`; skips the test without it."""
    folder = pathlib.Path(os.environ.get("VANILLA_GAN_DATA") or SHARED / "data").resolve()
    if not (folder / "mnist").is_dir():
        pytest.skip(f"needs the real data: no mnist/ in {folder}; set VANILLA_GAN_DATA")
    return folder


@pytest.fixture(scope="session")
def reference_dir() -> pathlib.Path:
    """Returns the folder of the recorded runs; skips the test without it."""
    folder = pathlib.Path(os.environ.get("VANILLA_GAN_REFERENCE") or SHARED / "reference")
    if not (folder / "vanilla_mnist_seed0.npz").is_file():
        pytest.skip(f"needs the recorded runs: none in {folder}; set VANILLA_GAN_REFERENCE")
    return folder


@pytest.fixture(scope="session")
def offline_data_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Returns a `--data_dir` whose `mnist/` holds the offline data set; not to be written to."""
    folder = tmp_path_factory.mktemp("offline_data")
    (folder / "mnist").mkdir()
    for name, content in offline.data_files().items():
        (folder / "mnist" / name).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def twenty_images(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Returns a `--data_dir` with 20 images to train on; not to be written to."""
    folder = tmp_path_factory.mktemp("twenty")
    offline.write_data(folder, PUBLISHED_SHAPE, np.arange(5020) % 10, np.arange(10))
    return folder


@pytest.fixture
def default_handlers() -> Iterator[None]:
    """Handles SIGINT, SIGTERM and SIGHUP as a process in the foreground does.

    The process that started the tests may ignore some of them, as `nohup` does.
    """
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Returns the name of one engine, then of the other."""
    return request.param


@pytest.fixture(scope="session")
def offline_weights(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Returns the npz file of the weights that the recorded offline runs began with."""
    path = tmp_path_factory.mktemp("offline_weights") / "seed0.npz"
    np.savez(path, **offline.initial_weights())
    return path


@pytest.fixture(scope="module")
def pictures() -> Iterator[dict[int, np.ndarray]]:
    """Returns a dict that collects the samples of each picture that is drawn, by iteration."""
    kept = {}
    draw = Recorder.picture

    def keep(self: Recorder, it: int, samples: np.ndarray) -> None:
        kept[it] = samples.copy()
        draw(self, it, samples)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "picture", keep)
        yield kept


@pytest.fixture(scope="session")
def trained_run(
    offline_data_dir: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], pathlib.Path]:
    """Returns a function from a system's name to the folder of a short run; not to be written to.

    Each run is trained when it is first asked for, with odd sizes.
    """

    @functools.cache
    def folder(system: str) -> pathlib.Path:
        out = tmp_path_factory.mktemp("trained") / system
        sizes = {"z_dim": 5} if system == "conv" else {"z_dim": 5, "h_dim": 7}
        offline.train(out, offline_data_dir, system=system, iters=3, batch_size=11, seed=1, **sizes)
        return out

    return folder


@pytest.fixture(scope="session")
def exported(
    trained_run: Callable[[str], pathlib.Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., pathlib.Path]:
    """Returns a function from a system's name to the SavedModel of `trained_run`.

    Given a path, the function copies the SavedModel there, to be changed; the original must not be.
    """

    @functools.cache
    def made(system: str) -> pathlib.Path:
        # Imported here, so that tests without an export do not wait for it.
        from vanilla_gan.generator.export import export
        from vanilla_gan.generator.settings import ExportConfig

        out = tmp_path_factory.mktemp("exported") / system
        export(ExportConfig(source=str(trained_run(system)), out=str(out)), [].append)
        return out

    def model(system: str, to: str | pathlib.Path | None = None) -> pathlib.Path:
        return made(system) if to is None else pathlib.Path(shutil.copytree(made(system), to))

    return model


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Returns a headless Chromium; skips the test if it is not installed."""
    # Imported here, so that tests that open no page do not wait for Selenium.
    from browser import chromium

    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def closing() -> Iterator[Callable[[Callable], Callable]]:
    """Returns a function from a class to one that makes its objects; the test's end closes them."""
    with contextlib.ExitStack() as stack:

        def closed(kind: Callable) -> Callable:
            def make(*args, **kwargs):
                made = kind(*args, **kwargs)
                stack.callback(made.session.close)
                return made

            return make

        yield closed


@pytest.fixture
def layer(closing) -> Callable[..., Layer]:
    """Returns a function that makes a Layer, which is closed after the test."""
    return closing(Layer)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Returns a context without root's right to read and write everything, if root runs the tests.

    Paths within it must be relative to the working folder: others cannot enter the folders above.
    """

    @contextlib.contextmanager
    def drop() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop
