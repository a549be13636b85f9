"""`losses.csv`: its rows, and where it is cut back."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from types import SimpleNamespace

import numpy as np
import offline
import pytest

from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.errors import OutputError, RunConflictError, UsageError
from vanilla_gan.observers.log_json import LogJson
from vanilla_gan.runfolder.losses_csv import LossesCsv, Mark, begin_losses, read_losses
from vanilla_gan.settings import RunConfig

HEADER = b"iteration,d_loss,g_loss\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "losses.csv"


def rows(path) -> list[str]:
    return path.read_text().splitlines()[1:]


def test_begins_with_its_header(path):
    assert begin_losses(path) == Mark(len(HEADER), zlib.crc32(HEADER))
    assert path.read_bytes() == HEADER


def test_rows_have_nine_digits(path):
    losses = LossesCsv(path, 1, begin_losses(path), pytest.fail)
    losses.append(7, [1 / 3, 1e-30], [12345.678912, 2.0])
    losses.close()
    assert rows(path) == ["7,0.333333333,12345.6789", "8,1e-30,2"]


def test_nine_digits_are_enough_for_any_float32(path):
    values = np.random.RandomState(3).randint(0, 0x7F800000, 2000).astype(np.uint32)
    values = values.view(np.float32)
    losses = LossesCsv(path, 1, begin_losses(path), pytest.fail)
    losses.append(0, values.tolist(), values.tolist())
    losses.close()
    read = np.loadtxt(path, delimiter=",", skiprows=1)[:, 1].astype(np.float32)
    assert read.tobytes() == values.tobytes()


@pytest.mark.parametrize("block", [1, 3, 7, 40])
@pytest.mark.parametrize("log_every", [1, 3, 10, 50])
def test_rows_are_the_multiples_whatever_the_blocks(path, log_every, block):
    losses = LossesCsv(path, log_every, begin_losses(path), pytest.fail)
    for first in range(5, 120, block):
        numbers = list(range(first, min(first + block, 120)))
        losses.append(first, [n + 0.25 for n in numbers], [n + 0.5 for n in numbers])
    losses.close()
    due = [n for n in range(5, 120) if n % log_every == 0]
    assert rows(path) == [f"{n},{n}.25,{n}.5" for n in due]


def test_mark_is_size_and_checksum_on_disk(path):
    losses = LossesCsv(path, 1, begin_losses(path), pytest.fail)
    losses.append(0, [1.0], [2.0])
    mark = losses.mark()
    assert path.read_bytes() == HEADER + b"0,1,2\n"
    assert mark == Mark(path.stat().st_size, zlib.crc32(path.read_bytes()))
    losses.append(1, [3.0], [4.0])
    assert losses.mark() == Mark(path.stat().st_size, zlib.crc32(path.read_bytes()))
    losses.close()


@pytest.mark.parametrize("behind", [b"", b"1,9,9\n", b"1,9", b"\xff" * 10_000])
def test_what_follows_the_mark_is_cut_off(path, behind):
    losses = LossesCsv(path, 1, begin_losses(path), pytest.fail)
    losses.append(0, [1.0], [2.0])
    mark = losses.mark()
    losses.close()
    with path.open("ab") as stream:
        stream.write(behind)

    losses = LossesCsv(path, 1, mark, pytest.fail)
    losses.append(1, [3.0], [4.0])
    again = losses.mark()
    losses.close()

    assert path.read_bytes() == HEADER + b"0,1,2\n1,3,4\n"
    assert again == Mark(path.stat().st_size, zlib.crc32(path.read_bytes()))


def link(path) -> None:
    path.rename(path.with_name("victim"))
    path.symlink_to("victim")


DAMAGES = {
    "other line ends": lambda path: path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n")),
    "no text": lambda path: path.write_bytes(os.urandom((1 << 20) + 4321)),
    "cut off": lambda path: os.truncate(path, 5),
    "a link": link,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_was_changed_is_set_aside(path, damage):
    losses = LossesCsv(path, 1, begin_losses(path), pytest.fail)
    losses.append(0, [1.0], [2.0])
    mark = losses.mark()
    losses.close()
    DAMAGES[damage](path)
    before = path.lstat(), path.is_file() and path.read_bytes()
    lines = []
    losses = LossesCsv(path, 1, mark, lines.append)
    losses.append(1, [3.0], [4.0])
    again = losses.mark()
    losses.close()
    aside = path.with_name("losses.csv.1")
    assert (aside.lstat().st_ino, aside.is_file() and aside.read_bytes()) == (
        before[0].st_ino,
        before[1],
    )
    assert path.read_bytes() == HEADER + b"1,3,4\n"
    assert again == Mark(path.stat().st_size, zlib.crc32(path.read_bytes()))
    assert [str(aside) in line for line in lines] == [True]


def test_a_missing_file_is_begun_anew(path):
    lines = []
    LossesCsv(path, 1, Mark(100, 0), lines.append).close()
    assert path.read_bytes() == HEADER
    assert ["losses.csv is missing" in line for line in lines] == [True]


def test_other_hard_links_keep_their_content(path):
    """Such as a backup made by `cp --link`."""
    losses = LossesCsv(path, 1, begin_losses(path), pytest.fail)
    losses.append(0, [1.0], [2.0])
    mark = losses.mark()
    losses.append(1, [3.0], [4.0])
    losses.close()
    backup = path.with_name("backup")
    os.link(path, backup)
    losses = LossesCsv(path, 1, mark, pytest.fail)
    losses.append(1, [5.0], [6.0])
    losses.close()
    assert backup.read_bytes() == HEADER + b"0,1,2\n1,3,4\n"
    assert path.read_bytes() == HEADER + b"0,1,2\n1,5,6\n"


def test_file_that_was_removed_while_it_is_written(path):
    losses = LossesCsv(path, 1, begin_losses(path), pytest.fail)
    path.unlink()
    losses.append(0, [1.0], [2.0])
    with pytest.raises(OutputError, match=r"cannot write .*losses\.csv: it was removed"):
        losses.mark()
    losses.close()


def test_full_disk(path):
    losses = LossesCsv(path, 1, begin_losses(path), pytest.fail)
    os.dup2(os.open("/dev/full", os.O_WRONLY), losses._file.fileno())
    losses.append(0, [1.0], [2.0])
    for write in (losses.flush, losses.mark, losses.close):
        with pytest.raises(OutputError, match=r"cannot write .*losses\.csv: No space left"):
            write()


def test_rows_are_read_back_as_they_were_written(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("iteration,d_loss,g_loss\n0,1.5,0.25\n100,nan,inf\n200,3")
    rows = read_losses(path)
    np.testing.assert_array_equal(rows.iteration, [0, 100])
    np.testing.assert_array_equal(rows.d_loss, [1.5, np.nan])
    np.testing.assert_array_equal(rows.g_loss, [0.25, np.inf])


def test_more_rows_than_are_read_at_once(tmp_path):
    values = np.random.RandomState(3).uniform(size=(200_000, 2))
    rows = "".join(f"{it},{d:.9g},{g:.9g}\n" for it, (d, g) in enumerate(values))
    (tmp_path / "losses.csv").write_text(HEADER.decode() + rows)
    found = read_losses(tmp_path / "losses.csv")
    np.testing.assert_array_equal(found.iteration, np.arange(200_000))
    np.testing.assert_allclose(np.stack([found.d_loss, found.g_loss], axis=1), values, rtol=1e-8)


def test_a_file_without_rows_has_none(tmp_path):
    begin_losses(tmp_path / "losses.csv")
    assert [len(column) for column in read_losses(tmp_path / "losses.csv")] == [0, 0, 0]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a,b,c\n1,2,3\n",
        "iteration,d_loss,g_loss\n0,1\n",
        "iteration,d_loss,g_loss\n0,1\n2,3\n4,5\n",
        "iteration,d_loss,g_loss\n0,1,x\n",
        "iteration,d_loss,g_loss\n5,1,1\n5,1,1\n",
        "iteration,d_loss,g_loss\n1,2,3\n1,2\n\n",
        *(
            f"iteration,d_loss,g_loss\n0,1,1\n{it},1,1\n"
            for it in ("nan", "inf", "1.5", "-1", "1e400", "9007199254740994", "", "\x1b[2J")
        ),
        "iteration,d_loss,g_loss\n0,1," + "1" * 3_000_000,
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "losses.csv"
    path.write_text(content)
    with pytest.raises(RunConflictError, match=r"losses\.csv is not a file of losses") as raised:
        read_losses(path)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(RunConflictError, match=r"losses\.csv: No such file"):
        read_losses(tmp_path / "losses.csv")


def test_two_runs_at_once_do_not_share_a_log(tmp_path):
    log = tmp_path / "log.jsonl"
    config = RunConfig(out=str(tmp_path), log_json=str(log), sample_every=1)
    first, second = (SimpleNamespace(config=config, run_id=name) for name in "ab")
    held = LogJson(first, 0)
    with pytest.raises(UsageError, match="another run writes to it"):
        LogJson(second, 0)
    held.picture(0, np.empty(0))
    held.close()
    LogJson(first, 1).close()
    assert json.loads(log.read_text())["run_id"] == "a"


def test_a_number_that_is_not_finite_is_null_in_a_log(tmp_path):
    log = tmp_path / "log.jsonl"
    config = RunConfig(out=str(tmp_path), log_json=str(log), sample_every=1, log_every=1)
    of_run = LogJson(SimpleNamespace(config=config, run_id="a"), 0)
    scalars = {"D_loss": np.float32([np.inf, 0.5]), "G_loss": np.float32([np.nan, 0.25])}
    of_run.losses(LossBlock(0, scalars, {"logit_gap": float("-inf")}))
    of_run.close()
    lines = [json.loads(line, parse_constant=pytest.fail) for line in log.read_text().splitlines()]
    assert [list(line.values())[2:] for line in lines] == [
        ["signs", None],
        ["losses", None, None],
        ["losses", 0.5, 0.25],
    ]


@pytest.mark.slow
def test_lines_of_json_say_what_the_csv_files_say(tmp_path, offline_data_dir):
    """Each says it once, even after a kill; and a file of something else is left alone."""
    out, log = tmp_path / "out", tmp_path / "log.jsonl"
    small = {"h_dim": 3, "z_dim": 2, "batch_size": 11, "seed": 1, "r1": 0.5}
    times = {"sample_every": 4, "log_every": 3, "health_every": 5, "checkpoint_every": 5}
    offline.train(out, offline_data_dir, iters=6, log_json=str(log), **small, **times)
    first = log.read_bytes()
    # As after a kill: a line of an iteration that comes again, and a torn one.
    run_id = json.loads(first.splitlines()[0])["run_id"]
    more = {"run_id": run_id, "iteration": 7, "event": "losses"}
    log.write_bytes(first + json.dumps(more).encode() + b'\n{"run_')
    # The record does not name the log, so nothing is written to it.
    run = offline.train(out, offline_data_dir, iters=7)
    assert log.read_bytes() == first + json.dumps(more).encode() + b'\n{"run_'
    run = offline.train(out, offline_data_dir, iters=10, log_json=str(log))
    assert log.read_bytes().startswith(first)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["run_id"] for line in lines} == {run.record()["run_id"]}
    found = {
        event: {line["iteration"]: line for line in lines if line["event"] == event}
        for event in ("losses", "signs", "picture")
    }
    assert sum(map(len, found.values())) == len(lines)
    assert list(found["losses"]) == [0, 3, 9]  # the run went from 6 to 7 without it
    for it, d_loss, g_loss in run.losses():
        if it in found["losses"]:
            line = found["losses"][it]
            assert line.keys() == {"run_id", "iteration", "event", "D_loss", "G_loss", "r1"}
            np.testing.assert_allclose([line["D_loss"], line["G_loss"]], [d_loss, g_loss], 1e-7)
    assert list(found["signs"]) == [0, 5]
    assert {"logit_gap", "diversity"} <= found["signs"][5].keys()
    assert [found["picture"][it]["path"] for it in (0, 4, 8)] == [
        str(out / f"00{n}.png") for n in range(3)
    ]
    infinite = b'{"run_id": "a", "iteration": Infinity, "event": "x"}\n'
    for other in (b"my notes\n", b"my notes", infinite, log.read_bytes()):
        notes = tmp_path / "notes"
        notes.write_bytes(other)
        with pytest.raises(UsageError, match="it holds lines that this run did not write"):
            offline.train(tmp_path / "new", offline_data_dir, iters=1, log_json=str(notes), **small)
        assert notes.read_bytes() == other
        # Nothing of the run that it was given for changes, either.
        before = sorted(path.name for path in out.iterdir())
        with pytest.raises(UsageError, match="it holds lines that this run did not write"):
            offline.train(out, offline_data_dir, iters=11, log_json=str(notes), overwrite=True)
        assert sorted(path.name for path in out.iterdir()) == before
        assert not (tmp_path / "out.1").exists()
    # Streams and links are not to be "removed", as a file in the way would be.
    (tmp_path / "link").symlink_to(tmp_path / "notes")
    for other in ("/dev/stdout", str(tmp_path / "link")):
        with pytest.raises(UsageError, match="it is not a regular file"):
            offline.train(out, offline_data_dir, iters=11, log_json=other)
    # A log in the folder moves away with it; without --log_json another run's log does not matter.
    inside = str(tmp_path / "in" / "log")
    offline.train(tmp_path / "in", offline_data_dir, iters=1, log_json=inside, **small)
    offline.train(tmp_path / "in", offline_data_dir, iters=1, log_json=inside, overwrite=True)
    shutil.copy(log, inside)
    offline.train(tmp_path / "in", offline_data_dir, iters=2)
