"""`--tensorboard`: what its event files hold, each iteration once, without effect on the run."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import offline
import pytest
import tensorflow as tf

from vanilla_gan.errors import OutputError
from vanilla_gan.observers.event_files import EventFile, cut_back, event_files

SMALL = {"seed": 3, "h_dim": 5, "z_dim": 3, "batch_size": 11, "device": "cpu"}
TIMES = {"iters": 26, "sample_every": 10, "log_every": 4, "checkpoint_every": 5}

Events = list[tuple[int, str, object]]


def read(path: pathlib.Path) -> list[object]:
    """Returns the events of a file, by TensorFlow's reader, which checks every checksum."""
    return list(tf.compat.v1.train.summary_iterator(str(path)))


def values_of(out: pathlib.Path) -> Events:
    """Returns (iteration, tag, value) of everything in the event files, in their order."""
    found: Events = []
    for path in event_files(out / "tensorboard"):
        for event in read(path):
            for value in event.summary.value:
                what = value.WhichOneof("value")
                content = getattr(value, what)
                if what == "image":
                    content = content.encoded_image_string
                elif what == "histo":
                    content = content.SerializeToString()
                found.append((event.step, value.tag, content))
    return found


def tagged(found: Events, tag: str) -> dict[int, object]:
    """Returns the values of a tag by iteration; checks that each iteration occurs only once."""
    values = [(it, value) for it, name, value in found if name == tag]
    assert len({it for it, _ in values}) == len(values)
    return dict(values)


@pytest.fixture(scope="module")
def run(tmp_path_factory, offline_data_dir):
    out = tmp_path_factory.mktemp("tensorboard") / "out"
    return offline.train(out, offline_data_dir, **SMALL, **TIMES, tensorboard=True)


@pytest.fixture(scope="module")
def found(run):
    return values_of(run.out)


class TestWhatIsWritten:
    def test_losses(self, run, found) -> None:
        rows = run.losses()
        assert rows[:, 0].tolist() == [0, 4, 8, 12, 16, 20, 24]
        for column, tag in ((1, "losses/D_loss"), (2, "losses/G_loss")):
            scalars = tagged(found, tag)
            assert list(scalars) == rows[:, 0].tolist()
            np.testing.assert_allclose(list(scalars.values()), rows[:, column], rtol=1e-7)

    def test_pictures(self, run, found) -> None:
        """The exact bytes of each file, at its iteration."""
        expected = {10 * n: (run.out / f"00{n}.png").read_bytes() for n in range(3)}
        assert tagged(found, "picture") == expected

    def test_size_of_the_pictures(self, run) -> None:
        (path,) = event_files(run.out / "tensorboard")
        images = [value.image for event in read(path) for value in event.summary.value]
        sizes = {(i.width, i.height, i.colorspace) for i in images if i.encoded_image_string}
        assert sizes == {(330, 337, 4)}

    def test_histograms_of_the_weights_before_the_update(self, run, found) -> None:
        """At iteration 20 they are those of the checkpoint before it."""
        variables = run.variables(20)
        for name in ("D_W1", "D_b1", "D_W2", "D_b2", "G_W1", "G_b1", "G_W2", "G_b2"):
            histograms = tagged(found, f"weights/{name}")
            assert list(histograms) == [0, 10, 20]
            histogram = tf.compat.v1.HistogramProto.FromString(histograms[20])
            values = variables[name].astype(np.float64)
            assert (histogram.num, histogram.min) == (values.size, values.min())
            assert histogram.max == values.max()
            assert histogram.sum == pytest.approx(values.sum(), rel=1e-9, abs=1e-9)

    def test_histograms_of_both_logits(self, run, found) -> None:
        """Against the two layers in NumPy: 256 real images, and as many generated ones."""
        w = {name: value.astype(np.float64) for name, value in run.variables(20).items()}

        def D_logit(x: np.ndarray) -> np.ndarray:
            return np.maximum(x @ w["D_W1"] + w["D_b1"], 0) @ w["D_W2"] + w["D_b2"]

        real = D_logit(offline.training_images()[:256].reshape(256, 784) / 255)
        Z = np.random.RandomState([3, 3 << 20]).uniform(-1, 1, [256, 3])
        hidden = np.maximum(Z @ w["G_W1"] + w["G_b1"], 0)
        fake = D_logit(1 / (1 + np.exp(-(hidden @ w["G_W2"] + w["G_b2"]))))
        for tag, expected in (("logits/D_logit_real", real), ("logits/D_logit_fake", fake)):
            histogram = tf.compat.v1.HistogramProto.FromString(tagged(found, tag)[20])
            assert histogram.num == 256
            assert histogram.min == pytest.approx(expected.min(), rel=1e-4)
            assert histogram.max == pytest.approx(expected.max(), rel=1e-4)
            assert histogram.sum == pytest.approx(expected.sum(), rel=1e-4)

    def test_the_graph(self, run) -> None:
        (path,) = event_files(run.out / "tensorboard")
        (definition,) = [event.graph_def for event in read(path) if event.graph_def]
        names = {node.name for node in tf.compat.v1.GraphDef.FromString(definition).node}
        assert {"X", "Z", "D_W1", "G_sample"} <= names

    @pytest.mark.parametrize(
        "system",
        ["conditional", *(pytest.param(s, marks=pytest.mark.slow) for s in ("layers", "conv"))],
    )
    @pytest.mark.parametrize("engine", ["feed"])
    def test_other_systems(self, tmp_path, offline_data_dir, system, engine) -> None:
        small = {**SMALL, "engine": engine, "iters": 3, "sample_every": 2, "log_every": 1}
        if system == "conv":
            del small["h_dim"]
        out = offline.train(
            tmp_path / "out", offline_data_dir, **small, system=system, tensorboard=True
        ).out
        kinds = {tag.split("/")[0] for _, tag, _ in values_of(out)}
        assert kinds == {"losses", "health", "picture", "weights", "logits"}


@pytest.mark.parametrize("engine", ["loop", pytest.param("feed", marks=pytest.mark.slow)])
def test_the_run_has_the_same_bits_without_it(tmp_path, run, offline_data_dir, engine) -> None:
    settings = {**SMALL, **TIMES, "engine": engine}
    plain = offline.train(tmp_path / "plain", offline_data_dir, **settings)
    with_it = run
    if engine == "feed":
        with_it = offline.train(tmp_path / "with", offline_data_dir, **settings, tensorboard=True)
    names = ["losses.csv", "losses.png", "training.gif", "000.png", "001.png", "002.png"]
    for name in names:
        assert (plain.out / name).read_bytes() == (with_it.out / name).read_bytes(), name
    ours, theirs = plain.variables(26), with_it.variables(26)
    assert ours.keys() == theirs.keys()
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    assert not (plain.out / "tensorboard").exists()


class TestContinuing:
    def test_more_iterations(self, tmp_path, found, offline_data_dir) -> None:
        out = tmp_path / "out"
        first = {**SMALL, **TIMES, "iters": 13, "tensorboard": True}
        offline.train(out, offline_data_dir, **first)
        offline.train(out, offline_data_dir, iters=26)
        assert len(event_files(out / "tensorboard")) == 2
        assert values_of(out) == found


def scalar(value: float) -> object:
    summary = tf.compat.v1.Summary
    return summary(value=[summary.Value(tag="v", simple_value=value)])


def write(folder: pathlib.Path, start: int, steps: range) -> pathlib.Path:
    events = EventFile(folder, start)
    for step in steps:
        events.add_summary(scalar(start), step)
    events.close()
    return event_files(folder)[-1]


def steps_of(path: pathlib.Path) -> list[int]:
    return [event.step for event in read(path) if event.summary.value]


class TestEventFiles:
    def test_begins_with_its_version_and_where_it_starts(self, tmp_path) -> None:
        version, began = read(write(tmp_path, 7, range(0)))
        assert version.file_version == "brain.Event:2"
        assert (began.session_log.status, began.step) == (began.session_log.START, 7)
        assert began.wall_time > 1.7e9

    def test_each_start_cuts_off_what_it_will_write_again(self, tmp_path) -> None:
        first = write(tmp_path, 0, range(10))
        second = write(tmp_path, 6, range(6, 9))
        assert (steps_of(first), steps_of(second)) == (list(range(6)), [6, 7, 8])
        third = write(tmp_path, 3, range(3, 5))
        assert [steps_of(path) for path in (first, second, third)] == [[0, 1, 2], [], [3, 4]]
        assert event_files(tmp_path) == [first, second, third]

    def test_each_start_within_a_second_has_a_file_of_its_own(self, tmp_path) -> None:
        paths = [write(tmp_path, start, range(start, start + 1)) for start in range(4)]
        assert event_files(tmp_path) == paths
        assert [steps_of(path) for path in paths] == [[0], [1], [2], [3]]

    def test_the_graph_stays(self, tmp_path) -> None:
        """Only the first file has it, even if a run is rewound to its very beginning."""
        with tf.Graph().as_default() as graph:
            tf.compat.v1.placeholder(tf.float32, name="X")
        for _ in range(2):
            events = EventFile(tmp_path, 0, graph)
            events.add_summary(scalar(0), 0)
            events.close()
        first, second = (read(path) for path in event_files(tmp_path))
        assert [bool(event.graph_def) for event in first] == [False, True]
        assert [bool(event.graph_def) for event in second] == [False] * 3

    @pytest.mark.parametrize("torn", [1, 11, 12, 20, 30])
    def test_a_torn_end_is_cut_off(self, tmp_path, torn) -> None:
        path = write(tmp_path, 0, range(5))
        os.truncate(path, path.stat().st_size - torn)
        cut_back(path, 100)
        assert steps_of(path) == [0, 1, 2, 3]

    def test_zeros_at_the_end_are_cut_off(self, tmp_path) -> None:
        path = write(tmp_path, 0, range(5))
        with open(path, "ab") as stream:
            stream.write(bytes(100))
        cut_back(path, 100)
        assert steps_of(path) == [0, 1, 2, 3, 4]

    def test_what_is_no_event_is_cut_off(self, tmp_path) -> None:
        path = write(tmp_path, 0, range(5))
        size = path.stat().st_size
        with tf.io.TFRecordWriter(str(tmp_path / "other")) as writer:
            writer.write(b"\xff" * 30)
        with open(path, "ab") as stream:
            stream.write((tmp_path / "other").read_bytes())
        cut_back(path, 100)
        assert path.stat().st_size == size

    def test_what_is_flushed_is_read_while_the_run_goes_on(self, tmp_path) -> None:
        events = EventFile(tmp_path, 0)
        events.add_summary(scalar(1), 0)
        events.flush()
        assert steps_of(event_files(tmp_path)[0]) == [0]
        events.close()

    def test_files_of_others_are_left_alone(self, tmp_path) -> None:
        other = tmp_path / "events.out.tfevents.1700000000.host.v2"
        other.write_bytes(b"mine")
        write(tmp_path, 0, range(1))
        assert other.read_bytes() == b"mine"

    def test_every_flipped_bit_is_noticed(self, tmp_path) -> None:
        """The file is set aside, under a name that TensorBoard does not read."""
        path = write(tmp_path / "a", 0, range(2))
        content = path.read_bytes()
        for place in range(len(content)):
            folder = tmp_path / str(place)
            folder.mkdir()
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            (folder / path.name).write_bytes(flipped)
            lines = []
            EventFile(folder, 5, warn=lines.append).close()
            (kept,) = event_files(folder)
            assert kept.name != path.name
            assert (folder / "damaged.1").read_bytes() == flipped
            assert [path.name in line for line in lines] == [True]

    @pytest.mark.parametrize("what", ["link", "second name", "folder link", "file"])
    def test_nothing_is_written_through_a_link(self, tmp_path, what) -> None:
        folder, outside = tmp_path / "tensorboard", tmp_path / "outside"
        victim = write(outside, 0, range(5))
        before = victim.read_bytes()
        if what == "file":
            folder.write_bytes(b"mine")
        elif what == "folder link":
            folder.symlink_to(outside)
        else:
            folder.mkdir()
            (os.symlink if what == "link" else os.link)(victim, folder / victim.name)
        lines = []
        EventFile(folder, 2, warn=lines.append).close()
        assert victim.read_bytes() == before
        assert os.listdir(outside) == [victim.name]
        assert len(lines) == (what != "second name")
        assert what != "file" or (tmp_path / "tensorboard.1").read_bytes() == b"mine"

    def test_unwritable(self, tmp_path) -> None:
        folder = tmp_path / "gone" / "deeper"
        with pytest.raises(OutputError, match=f"cannot write {folder}: .*; .* same command"):
            EventFile(folder, 0)
