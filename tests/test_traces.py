"""The port against recorded steps: from a state of TensorFlow 1.15.5 it computes the same.

A state does not depend on the processor, so the limits hold on all; see `agreement.differences`.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy_layers import leaky, sigmoid

from vanilla_gan.agreement import traces
from vanilla_gan.agreement.differences import LIMITS, Differences, differences
from vanilla_gan.agreement.replay import Replayed, beta_power, drawn, open_replayer, replay_config
from vanilla_gan.data.dataset import DataSet
from vanilla_gan.data.folder import read_folder
from vanilla_gan.engines.session import choose_device
from vanilla_gan.errors import DataError
from vanilla_gan.settings import ENGINES
from vanilla_gan.systems import SYSTEMS

OFFLINE = [recording for recording in traces.RECORDINGS if recording.data == "offline"]
MNIST = [recording for recording in traces.RECORDINGS if recording.data == "mnist"]


def name_of(recording):
    return recording.name.removeprefix("trace_")


def compared(recording, states, engine, images, labels):
    """Returns the differences of each state, by iteration."""
    config = replay_config(recording, states[0], engine=engine, device="cpu")
    pixels = SYSTEMS[recording.system].pixels()
    train = DataSet(images, labels, np.random.RandomState(0), pixels)
    with open_replayer(config, choose_device("cpu"), train) as replayer:
        return {
            trace.iteration: differences(trace, replayer.replay(trace), 1e-3) for trace in states
        }


def assert_within(found, allowed):
    for iteration, values in found.items():
        for name, value in values._asdict().items():
            assert value <= getattr(allowed, name), (iteration, name)


def forward(w, names, x, slope):
    """Returns the output of a network of dense layers, and the smallest |input| of its ReLUs."""
    least = np.inf
    for kernel, bias in zip(names[::2], names[1::2], strict=True):
        x = x @ w[kernel].astype(np.float64) + w[bias]
        if bias != names[-1]:
            least = min(least, float(np.abs(x).min()))
            x = leaky(x, slope)
    return x, least


# --- the recorded steps


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("recording", OFFLINE, ids=name_of)
def test_a_shipped_trace(recording, engine):
    states = traces.shipped_traces(recording)
    found = compared(recording, states, engine, *traces.offline_data())
    assert sorted(found) == [0, 10, 100 if recording.loss == "log" else 1000]
    assert_within(found, LIMITS["offline"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("recording", MNIST, ids=name_of)
def test_a_trace_on_mnist(recording, engine, real_data_dir, reference_dir):
    path = reference_dir / f"{recording.name}.npz"
    if not path.is_file():
        pytest.skip(f"needs the trace: no {path}")
    raw = read_folder(real_data_dir / "mnist")
    images, labels = raw.train_images[5000:], raw.train_labels[5000:]
    found = compared(recording, traces.read_traces(recording, path), engine, images, labels)
    assert len(found) >= 3
    assert_within(found, LIMITS["mnist"])


@pytest.mark.parametrize("recording", OFFLINE, ids=name_of)
def test_a_run_draws_what_was_recorded(recording):
    states = traces.shipped_traces(recording)
    config = replay_config(recording, states[0])
    found = drawn(config, 1000, [trace.iteration for trace in states])
    for trace in states:
        for ours, recorded in zip(
            found[trace.iteration], (trace.rows, trace.Z_D, trace.Z_G), strict=True
        ):
            np.testing.assert_array_equal(ours, recorded)


@pytest.mark.parametrize("recording", OFFLINE, ids=name_of)
def test_numpy_computes_what_was_recorded_and_no_kink_is_near(recording):
    """NumPy in float64. No ReLU's input is so near 0 that rounding could change its sign.

    So the weights after iteration T can be compared on every processor.
    """
    system = SYSTEMS[recording.system]
    images, labels = traces.offline_data()
    for trace in traces.shipped_traces(recording):
        if recording.system == "layers":
            names_D, names_G, slope, out = system.theta_D, system.theta_G, 0.2, np.tanh
            X = images[trace.rows[0]] / 127.5 - 1
        else:
            names_D = ("D_W1", "D_b1", "D_W2", "D_b2")
            names_G = ("G_W1", "G_b1", "G_W2", "G_b2")
            slope, out = 0.0, sigmoid
            X = images[trace.rows[0]] / 255
        y = np.eye(10)[labels[trace.rows[0]]][:, : 10 if recording.system == "conditional" else 0]
        real, least_real = forward(trace.weights, names_D, np.hstack([X, y]), slope)
        hidden, least_G = forward(trace.weights, names_G, np.hstack([trace.Z_D[0], y]), slope)
        fake, least_fake = forward(trace.weights, names_D, np.hstack([out(hidden), y]), slope)
        np.testing.assert_allclose(trace.samples, out(hidden)[:4], rtol=0, atol=1e-6)
        np.testing.assert_allclose(trace.d_logit_real, real[:, 0], rtol=0, atol=5e-6)
        np.testing.assert_allclose(trace.d_logit_fake, fake[:, 0], rtol=0, atol=5e-6)
        assert min(least_real, least_G, least_fake) > 4e-6, trace.iteration


# --- what is compared, and how


@pytest.fixture(scope="module")
def one():
    """Returns a trace and a replay that equals it."""
    trace = traces.shipped_traces(OFFLINE[0])[1]
    return trace, Replayed(
        trace.d_loss,
        trace.g_loss,
        trace.d_logit_real,
        trace.d_logit_fake,
        trace.samples,
        trace.after,
    )


def test_no_difference(one):
    trace, same = one
    assert differences(trace, same, 1e-3) == Differences(0, 0, 0, 0, 0, 0)


def changed(array, place, by):
    array = array.astype(np.float64)
    array[place] += by
    return array


def test_each_difference_by_hand(one):
    trace, same = one
    other = same._replace(
        d_loss=changed(trace.d_loss, 0, 0.25 * trace.d_loss[0]),
        g_loss=changed(trace.g_loss, 4, -0.5 * trace.g_loss[4]),
        d_logit_fake=changed(trace.d_logit_fake, 7, 0.125),
        samples=changed(trace.samples, (3, 11), -0.75),
        after={**trace.after, "D_W1": changed(trace.after["D_W1"], (5, 3), 3e-3)},
    )
    found = differences(trace, other, 1e-3)
    largest = max(1, np.abs([trace.d_logit_real, trace.d_logit_fake]).max())
    count = sum(value.size for value in trace.after.values())
    np.testing.assert_allclose(found, (0.25, 0.5, 0.125 / largest, 0.75, 3, 1 / count), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_infinitely_far(one, bad):
    trace, same = one
    for part in ("d_loss", "d_logit_real", "samples"):
        found = differences(trace, same._replace(**{part: getattr(trace, part) * bad}), 1e-3)
        assert max(found) == np.inf
    after = {name: np.full_like(value, bad) for name, value in trace.after.items()}
    found = differences(trace, same._replace(after=after), 1e-3)
    assert (found.weights, found.share) == (np.inf, 1)


def test_the_powers_are_those_of_a_real_adam():
    import tensorflow as tf

    tf1 = tf.compat.v1
    with tf.Graph().as_default(), tf1.Session() as session:
        weight = tf1.get_variable("w", [1], use_resource=True)
        adam = tf1.train.AdamOptimizer()
        step = adam.minimize(tf.reduce_sum(weight**2))
        session.run(tf1.global_variables_initializer())
        powers = {v.op.name: v for v in tf1.global_variables() if "power" in v.op.name}
        for iteration in range(40):
            found = session.run(powers)
            assert found["beta1_power"] == beta_power(0.9, iteration)
            assert found["beta2_power"] == beta_power(0.999, iteration)
            session.run(step)


# --- damaged files


def damaged(tmp_path, **changes):
    """Writes a shipped file with some arrays changed, or left out if they are None."""
    file = traces.resources.files(traces.__package__) / traces.SHIPPED / f"{OFFLINE[0].name}.npz"
    with np.load(str(file)) as archive:
        arrays = dict(archive)
    arrays |= changes
    path = tmp_path / "damaged.npz"
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize(
    ("array", "value"),
    [
        ("at10/D_W1", None),
        ("at10/D_W1/m", np.zeros((16, 784), np.float32)),
        ("at10/G_b1/v", np.full(16, np.nan, np.float32)),
        ("after10/G_W2", np.zeros((16, 784), np.int32)),
        ("at10/rows", np.zeros((4, 32), np.uint16)),
        ("at10/rows", np.zeros((5, 32), np.float32)),
        ("at10/Z_G", np.zeros((5, 32, 9), np.float32)),
        ("at10/d_loss", np.zeros(4, np.float32)),
        ("at10/samples", np.zeros((4, 783), np.float32)),
    ],
)
def test_a_damaged_trace(tmp_path, array, value):
    path = damaged(tmp_path, **{array: value})
    with pytest.raises(DataError, match="cannot be read as a trace of vanilla") as caught:
        traces.read_traces(OFFLINE[0], path)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_file_that_holds_something_else(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, x=np.zeros(3))
    with pytest.raises(DataError, match="holds no trace"):
        traces.read_traces(OFFLINE[0], path)
    whole = damaged(tmp_path).read_bytes()
    for content in (b"", b"no zip file", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read as a trace"):
            traces.read_traces(OFFLINE[0], path)
    with pytest.raises(DataError, match="cannot be read as a trace"):
        traces.read_traces(OFFLINE[0], tmp_path / "missing.npz")


def test_a_state_of_another_graph(tmp_path):
    """The arrays are of the right kind, but fit another network, or another data set."""
    (trace, *_) = traces.shipped_traces(OFFLINE[0])
    images, labels = traces.offline_data()
    wide = {name: np.zeros((2, 2), np.float32) for name in trace.weights}
    config = replay_config(OFFLINE[0], trace, engine="feed", device="cpu")
    train = DataSet(images[:500], labels[:500], np.random.RandomState(0))
    with open_replayer(config, choose_device("cpu"), train) as replayer:
        with pytest.raises(DataError, match="weights of other shapes than its program: D_W1, "):
            replayer.replay(trace._replace(weights=wide))
        with pytest.raises(DataError, match="the data have only 500"):
            replayer.replay(trace)
