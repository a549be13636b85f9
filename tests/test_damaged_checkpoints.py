"""Five hundred damaged folders of checkpoints: a whole one is used, or one line says why not."""

from __future__ import annotations

import contextlib
import pathlib
import random
import shutil

import numpy as np
import pytest

from vanilla_gan.errors import CheckpointError
from vanilla_gan.runfolder.checkpoint import Checkpoints

SEEDS = range(10)
DAMAGES_PER_SEED = 50
RUN, OTHER = "the run", "another run"
ITERATIONS = (40, 80, 120)


def write_run(folder: pathlib.Path, run_id: str, rng: random.Random) -> None:
    """Writes three checkpoints of equal sizes, so that sizes alone never tell them apart."""
    folder.mkdir()
    checkpoints = Checkpoints(folder, run_id, keep=3)
    for iteration in ITERATIONS:
        content = {"index": rng.randbytes(90), "data-00000-of-00001": rng.randbytes(700)}

        def save(prefix: str, content: dict[str, bytes] = content) -> None:
            for suffix, part in content.items():
                pathlib.Path(f"{prefix}.{suffix}").write_bytes(part)

        state = {"order": np.array([rng.random() for _ in range(20)]), "rewinds": np.array(1)}
        checkpoints.save(iteration, save, state)


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def any_file(run: pathlib.Path, rng: random.Random) -> pathlib.Path:
    folder = run / "checkpoints" / f"{rng.choice(ITERATIONS):010d}"
    return rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()) or [folder])


def cut(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    path = any_file(run, rng)
    size = path.stat().st_size
    # Empty, within a header, anywhere, without the last byte, and with one more than it had.
    sizes = [0, 1, rng.randint(0, 30), size // 2, rng.randint(0, size), size - 1, size + 1]
    with path.open("r+b") as stream:
        stream.truncate(max(0, rng.choice(sizes)))


def flip(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    path = any_file(run, rng)
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 1, 8])):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def overwrite(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    path = any_file(run, rng)
    size = path.stat().st_size
    position = rng.randint(0, size)
    length = rng.randint(0, size - position)
    with path.open("r+b") as stream:
        stream.seek(position)
        stream.write(rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)]))


def remove(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    any_file(run, rng).unlink()


def make_a_folder_of_it(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    path = any_file(run, rng)
    path.unlink()
    path.mkdir()


def swap_files(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    one, two = any_file(run, rng), any_file(run, rng)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def swap_folders(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    one, two = rng.sample(ITERATIONS, 2)
    folder = run / "checkpoints"
    (folder / f"{one:010d}").rename(folder / "between")
    (folder / f"{two:010d}").rename(folder / f"{one:010d}")
    (folder / "between").rename(folder / f"{two:010d}")


def rename_folder(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    folder = run / "checkpoints"
    new = rng.choice([f"{rng.randint(0, 200):010d}", "40", "latest", "0000000120.bak"])
    if not (folder / new).exists():
        (folder / f"{rng.choice(ITERATIONS):010d}").rename(folder / new)


def file_of_another_run(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    path = any_file(run, rng)
    shutil.copy(other / path.relative_to(run), path)


def manifest_of_another_run(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    name = pathlib.Path("checkpoints", f"{rng.choice(ITERATIONS):010d}", "manifest.json")
    shutil.copy(other / name, run / name)


def checkpoint_of_another_run(run: pathlib.Path, other: pathlib.Path, rng: random.Random) -> None:
    name = pathlib.Path("checkpoints", f"{rng.choice(ITERATIONS):010d}")
    shutil.rmtree(run / name)
    shutil.copytree(other / name, run / name)


DAMAGES = (
    *(cut, cut, cut, flip, flip, flip, overwrite, remove, make_a_folder_of_it),
    *(swap_files, swap_folders, rename_folder),
    *(file_of_another_run, manifest_of_another_run, checkpoint_of_another_run),
)


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_checkpoint_or_one_line(tmp_path, seed):
    rng = random.Random(seed)
    write_run(tmp_path / "original", RUN, rng)
    write_run(tmp_path / "other", OTHER, rng)
    originals = {
        iteration: contents(tmp_path / "original" / "checkpoints" / f"{iteration:010d}")
        for iteration in ITERATIONS
    }
    outcomes: list[int | None] = []
    for number in range(DAMAGES_PER_SEED):
        run = tmp_path / "damaged"
        shutil.copytree(tmp_path / "original", run)
        damages = rng.choices(DAMAGES, k=rng.choice([1, 2, 4, 8]))
        for damage in damages:
            # An earlier damage may have left nothing that this one can damage.
            with contextlib.suppress(OSError):
                damage(run, tmp_path / "other", rng)
        story = f"damage {number}: {[damage.__name__ for damage in damages]}"

        # A checkpoint is whole if its folder has its name and all files have the original bytes.
        whole = [
            iteration
            for iteration, original in originals.items()
            if (folder := run / "checkpoints" / f"{iteration:010d}").is_dir()
            and original.items() <= contents(folder).items()
        ]
        warnings: list[str] = []
        checkpoints = Checkpoints(run, RUN, keep=3)
        if not whole:
            with pytest.raises(CheckpointError) as caught:
                checkpoints.newest_whole(lambda _: None, warnings.append)
            assert str(caught.value).isprintable()
            outcomes.append(None)
        else:
            found = checkpoints.newest_whole(lambda _: None, warnings.append)
            assert found.iteration == max(whole), story
            assert contents(found.folder).items() >= originals[found.iteration].items()
            with np.load(tmp_path / "original/checkpoints" / found.folder.name / "state.npz") as a:
                assert {name: array.tobytes() for name, array in found.state.items()} == {
                    name: a[name].tobytes() for name in a.files
                }
            outcomes.append(found.iteration)
        for warning in warnings:
            assert warning.isprintable()
            assert str(run / "checkpoints") in warning
        shutil.rmtree(run)
    # Every outcome has occurred.
    assert set(outcomes) == {*ITERATIONS, None}
