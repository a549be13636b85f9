"""Tests of weights files: every way in which an npz can be wrong ends in one line."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from mutants import npy
from processes import peak_memory

from vanilla_gan.errors import WeightsError
from vanilla_gan.graph.weights import assign_weights, read_weights, shapes_of, variables_by_name

tf1 = tf.compat.v1

SHAPES = {"A_W1": (13, 7), "A_b1": (7,), "net/dense/kernel": (3, 1), "scalar": ()}


def good(seed=0):
    stream = np.random.RandomState(seed)
    return {name: np.float32(stream.normal(size=shape)) for name, shape in SHAPES.items()}


def npz(arrays, save=np.savez):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def archive(members, compression=zipfile.ZIP_STORED):
    """Returns a zip of the members' bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as zipped:
        for name, content in members.items():
            zipped.writestr(f"{name}.npy", content)
    return stream.getvalue()


def members(**changes):
    """Returns the npy bytes of `good()` by name, some replaced."""
    return {**{name: npy(array) for name, array in good().items()}, **changes}


def failure(path, content):
    """Returns the error line of reading `content`, without the path at its beginning."""
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_weights(path, SHAPES)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    assert len(line) < len(str(path)) + 500
    return line.removeprefix(f"{path}: ")


def outcome(path):
    """Returns the weights in a file, or the error line of reading it."""
    try:
        return read_weights(path, SHAPES)
    except WeightsError as error:
        return str(error)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_what_numpy_saves(path, save):
    path.write_bytes(npz(good(), save))
    got = read_weights(path, SHAPES)
    assert list(got) == list(SHAPES)
    for name, array in good().items():
        assert got[name].dtype == np.float32
        assert got[name].shape == SHAPES[name]
        assert got[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", ["<f8", ">f4", ">f8", "<f2", "<i4", "|u1", ">i8"])
def test_other_numbers_become_float32(path, dtype):
    values = np.arange(91).reshape(13, 7).astype(dtype)
    path.write_bytes(npz({**good(), "A_W1": values}))
    got = read_weights(path, SHAPES)["A_W1"]
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, np.arange(91).reshape(13, 7))


def test_fortran_order_is_not_a_transpose(path):
    array = good()["A_W1"]
    path.write_bytes(npz({**good(), "A_W1": np.asfortranarray(array)}))
    np.testing.assert_array_equal(read_weights(path, SHAPES)["A_W1"], array)


def without(*names):
    return {name: array for name, array in good().items() if name not in names}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (without("A_b1"), "missing A_b1; expected exactly A_W1, A_b1, net/dense/kernel, scalar"),
        (without("A_b1", "scalar"), "missing A_b1, scalar; expected exactly"),
        ({**good(), "A_W3": np.zeros(3)}, "unknown A_W3; expected exactly"),
        ({**without("A_W1"), "A_W": np.zeros(3)}, "missing A_W1; unknown A_W; expected exactly"),
        ({}, "missing A_W1, A_b1, net/dense/kernel, scalar; expected exactly"),
        ({**good(), "A_W1": np.zeros((7, 13))}, "A_W1 has shape [7, 13], expected [13, 7]"),
        ({**good(), "A_W1": np.zeros(91)}, "A_W1 has shape [91], expected [13, 7]"),
        ({**good(), "A_b1": np.zeros((7, 1))}, "A_b1 has shape [7, 1], expected [7]"),
        ({**good(), "A_b1": np.zeros(0)}, "A_b1 has shape [0], expected [7]"),
        ({**good(), "scalar": np.zeros(1)}, "scalar has shape [1], expected []"),
        ({**good(), "A_b1": np.zeros(7, complex)}, "A_b1 holds complex128, expected float32"),
        ({**good(), "A_b1": np.zeros(7, bool)}, "A_b1 holds bool, expected float32 numbers"),
        ({**good(), "A_b1": np.array(["x"] * 7)}, "A_b1 holds <U1, expected float32 numbers"),
    ],
)
def test_arrays_that_do_not_fit(path, arrays, said):
    assert said in failure(path, npz(arrays))


@pytest.mark.parametrize(
    ("value", "dtype", "shown"),
    [
        (np.nan, np.float32, "nan"),
        (np.inf, np.float32, "inf"),
        (-np.inf, np.float64, "-inf"),
        # Finite in the file, but not as a float32 weight.
        (1e39, np.float64, "1e+39"),
    ],
)
def test_values_that_are_not_finite(path, value, dtype, shown):
    array = good()["A_W1"].astype(dtype)
    array[11, 5] = value
    line = failure(path, npz({**good(), "A_W1": array}))
    assert line == f"A_W1[11, 5] is {shown}, expected finite float32 numbers"


class Bomb:
    """What a hostile pickle looks like: unpickling it calls a function."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def test_pickles_are_never_loaded(path):
    objects = np.array([Bomb()] * 7, dtype=object)
    assert "A_b1 holds object, expected float32 numbers" in failure(
        path, npz({**good(), "A_b1": objects})
    )
    # A bare pickle under the name of an array, which `numpy.load` would also try.
    assert "cannot be read" in failure(path, archive(members(A_b1=pickle.dumps(Bomb()))))
    assert "cannot be read" in failure(path, pickle.dumps(Bomb()))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"PK\x03\x04",
        b"not an npz file\n" * 100,
        npy(np.zeros((13, 7), np.float32)),
        npz(good())[:-1],
        npz(good())[:-30],
        npz(good())[: len(npz(good())) // 2],
        npz(good())[40:],
        npz(good(), np.savez_compressed)[:300],
    ],
)
def test_files_that_are_no_npz(path, content):
    line = failure(path, content)
    assert line.startswith("cannot be read as an npz file (")
    assert "expected what numpy.savez writes, with the arrays A_W1, A_b1, net/dense" in line


def test_no_such_file(path):
    with pytest.raises(WeightsError, match=r"no such file; --init_weights takes an npz file"):
        read_weights(path, SHAPES)


def test_unreadable(path, monkeypatch, unprivileged):
    path.write_bytes(npz(good()))
    path.chmod(0)
    monkeypatch.chdir(path.parent)
    with unprivileged(), pytest.raises(WeightsError, match="Permission denied"):
        read_weights("weights.npz", SHAPES)


def header(descr="'<f4'", order="False", shape="(7,)", version=(1, 0), extra=""):
    """Returns the header of an npy file, with any values in its fields."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, {extra}}}\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text.encode("latin1")


DATA = bytes(28)


@pytest.mark.parametrize(
    "content",
    [
        header() + DATA[:-1],
        header() + DATA + b"\0",
        header(),
        b"",
        header()[:9],
        header()[:30],
        header(version=(1, 7)) + DATA,
        header(version=(2, 0)) + DATA,
        header(version=(3, 0)) + DATA,
        header(shape="7") + DATA,
        header(shape="(7.0,)") + DATA,
        header(shape="(-7,)") + DATA,
        header(shape="(((") + DATA,
        header(shape="(7,),\\") + DATA,
        header(shape="__import__('os').abort()") + DATA,
        header(descr="'<f3'") + DATA,
        header(descr="'nonsense'") + DATA,
        header(descr="[('x', '<f4')]") + DATA,
        header(descr="{'names': 1}") + DATA,
        header(descr="None") + DATA,
        header(descr="'|V4'") + DATA,
        header(descr="'|S4'") + DATA,
        header(descr="'<M8[s]'") + DATA * 2,
        header(order="2") + DATA,
        header(extra="'more': 1") + DATA,
        header(extra="\x00") + DATA,
        header(extra="(" * 300) + DATA,
        header(extra="'a\n  b': 1") + DATA,
        b"\x93NUMPX" + header()[6:] + DATA,
    ],
)
def test_members_that_are_no_arrays(path, content):
    line = failure(path, archive(members(A_b1=content)))
    assert "A_b1" in line or "cannot be read" in line


@pytest.mark.parametrize("shape", [(10**6, 10**6), (2**40,), (2**63 - 1,) * 3])
def test_a_huge_declared_shape_takes_no_memory(path, shape):
    content = archive(members(A_b1=header(shape=str(shape)) + DATA))
    with peak_memory() as peak:
        line = failure(path, content)
        assert peak() < 2_000_000
    assert f"A_b1 has shape {list(shape)}, expected [7]" in line


@pytest.mark.parametrize(
    "bomb",
    [
        # 50 MB that compress to 50 kB: as data, as a header, and as a header of a later version.
        header() + bytes(50_000_000),
        header(extra=" " * 60_000) + bytes(50_000_000),
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 50_000_000) + b" " * 50_000_000,
    ],
    ids=["data", "long header", "version 2"],
)
def test_a_decompression_bomb_takes_no_memory(path, bomb):
    content = archive(members(A_b1=bomb), zipfile.ZIP_DEFLATED)
    assert len(content) < 100_000
    with peak_memory() as peak:
        line = failure(path, content)
        assert peak() < 2_000_000
    assert line.startswith("cannot be read")


def test_an_encrypted_archive(path):
    content = bytearray(npz(good()))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(signature) + offset] |= 1
    assert "encrypted" in failure(path, bytes(content))


@pytest.mark.parametrize("name", ["A\nb", "\x1b[31m", "x" * 10_000, "\u202e", ""])
def test_strange_names_stay_on_the_line(path, name):
    assert "unknown" in failure(path, archive({**members(), name: b""}))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_never_changes_a_weight(path, save):
    expected = good()
    content = npz(expected, save)
    refused = 0
    for seed in range(200):
        rng = random.Random(seed)
        mutated = bytearray(content)
        for _ in range(rng.choice([1, 1, 1, 5])):
            mutated[rng.randrange(len(mutated))] ^= 1 << rng.randrange(8)
        path.write_bytes(mutated)
        got = outcome(path)
        if isinstance(got, str):
            assert got.isprintable(), seed
            refused += 1
        else:
            # For example, a flip in a date.
            assert all(got[name].tobytes() == expected[name].tobytes() for name in SHAPES), seed
    assert refused > 100


@pytest.fixture
def variables():
    """Returns an open session and three variables, which are not initialised."""
    with tf.Graph().as_default() as graph:
        made = [tf1.get_variable("A_W1", (13, 7)), tf1.get_variable("A_b1", (7,))]
        with tf1.variable_scope("net"):
            made.append(tf1.get_variable("scalar", ()))
        graph.finalize()
        with tf1.Session(graph=graph) as session:
            yield session, made


def test_weights_go_into_a_session_and_come_back(variables):
    session, made = variables
    shapes = {"A_W1": (13, 7), "A_b1": (7,), "net/scalar": ()}
    assert shapes_of(made) == shapes
    stream = np.random.RandomState(0)
    weights = {name: np.float32(stream.normal(size=shape)) for name, shape in shapes.items()}
    # The graph is finalised: assigning adds nothing to it.
    assign_weights(session, made, weights)
    got = variables_by_name(session, made)
    assert list(got) == list(shapes)
    for name, array in weights.items():
        assert np.asarray(got[name]).tobytes() == array.tobytes()


def test_each_variable_gets_its_own_value(variables):
    session, made = variables
    weights = {"A_W1": np.ones((13, 7)), "A_b1": np.full(7, 2), "net/scalar": np.array(3)}
    assign_weights(session, list(reversed(made)), weights)
    got = variables_by_name(session, made)
    assert {name: np.unique(value).tolist() for name, value in got.items()} == {
        "A_W1": [1.0],
        "A_b1": [2.0],
        "net/scalar": [3.0],
    }
