"""Tests of `import_images`: the data set that it makes from a folder, and failures in one line."""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import re
import struct

import numpy as np
import PIL.Image
import pytest
from own_pictures import labelled, labelled_of, make_pictures, noise, run_import, saved

from vanilla_gan.cli import main as cli
from vanilla_gan.data import folder, idx
from vanilla_gan.data.classes import CLASSES_JSON, read_class_names
from vanilla_gan.data.own_split import SPLIT_JSON
from vanilla_gan.data.pictures.origin import imported_from, origin_of
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.data.streams import unread
from vanilla_gan.errors import DataError, OutputError, UsageError

FILES = [
    "classes.json",
    "import_preview.png",
    "split.json",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
]


@pytest.fixture(scope="module")
def enough(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, dict[str, np.ndarray]]:
    """Makes 5834 pictures, the fewest that leave 5001 (6/7 of them) to train on."""
    where = tmp_path_factory.mktemp("enough") / "pictures"
    # Sorted by name, they have another order: B, a, c.
    return where, make_pictures(where, {"c": 34, "B": 3300, "a": 2500})


@pytest.fixture
def imports(tmp_path):
    """Returns a function that imports the few pictures of a folder, `p`, into another, `mnist`."""

    def of(source: str | pathlib.Path = "p", out: str = "mnist", *, repeat=True, **others):
        return run_import(tmp_path / source, tmp_path / out, repeat=repeat, **others)

    return of


# The data set


def test_every_picture_is_in_one_split_with_its_label(enough, imports, tmp_path):
    source, made = enough
    imported, lines = imports(source, "own/mnist", repeat=False)
    assert imported.classes == ["B", "a", "c"]
    assert (imported.train, imported.test) == (5001, 833)
    raw = folder.read_folder(tmp_path / "own" / "mnist")
    assert (len(raw.train_images), len(raw.test_images)) == (5001, 833)
    labels = np.repeat([0, 1, 2], [3300, 2500, 34])
    every = labelled([*made["B"], *made["a"], *made["c"]], labels)
    assert labelled_of(tmp_path / "own" / "mnist", copies=0) == every
    # Shuffled, or the test split would have one class only.
    assert 0 < (raw.test_labels == 0).mean() < 1
    assert lines[:3] == [
        "class 0: B, 3300 pictures",
        "class 1: a, 2500 pictures",
        "class 2: c, 34 pictures",
    ]
    content = json.loads((tmp_path / "own" / "mnist" / CLASSES_JSON).read_bytes())
    assert [content["classes"][k]["name"] for k in "012"] == ["B", "a", "c"]
    names = {0: "B", 1: "a", 2: "c"}
    assert read_class_names(tmp_path / "own" / "mnist", lines.append) == names
    source = read_data_sets("mnist", tmp_path / "own", unread(), allow_unverified=True)
    assert source.class_names == names


def test_a_tenth_is_set_apart_and_an_earlier_run_keeps_its_split(enough, imports, tmp_path):
    _, lines = imports(enough[0], repeat=False)
    assert any("5001 training images (the first 500 for validation)" in line for line in lines)

    def read(**then):
        splits = read_data_sets("mnist", tmp_path, unread(), allow_unverified=True, **then).splits
        return len(splits.train.images), len(splits.validation.images)

    assert read() == (4501, 500)
    # Two runs: one begun before the share was recorded, and a current one.
    assert (read(train_examples=1), read(train_examples=4501)) == ((1, 5000), (4501, 500))
    # A record of other data is reported elsewhere.
    assert read(train_examples=77) == (4501, 500)
    record = tmp_path / "mnist" / SPLIT_JSON
    record.unlink()
    assert (read(), read(train_examples=4501)) == ((1, 5000), (4501, 500))
    for damage, said in (
        ('{"validation": 5001}', "5001 of 5001 images apart for validation"),
        ('{"validation": -1}', "cannot be used: validation is -1"),
        ("[", "cannot be used"),
    ):
        record.write_text(damage)
        with pytest.raises(DataError, match=re.escape(said)):
            read()


@pytest.mark.parametrize(("count", "expected"), [(2, (1, 0)), (12, (9, 1)), (70, (54, 6))])
def test_few_pictures_are_enough(imports, tmp_path, count, expected):
    make_pictures(tmp_path / "p", {"a": count})
    imports(repeat=False)
    splits = read_data_sets("mnist", tmp_path, unread(), allow_unverified=True).splits
    assert (len(splits.train.images), len(splits.validation.images)) == expected


def test_repeat_fills_the_validation_split_with_copies(imports, tmp_path):
    make_pictures(tmp_path / "p", {"one": 6, "two": 5}, size=(9, 13))
    imported, lines = imports()
    assert (imported.train, imported.test) == (9, 2)
    raw = folder.read_folder(tmp_path / "mnist")
    train, validation = raw.train_images[5000:], raw.train_images[:5000]
    assert len(train) == 9
    assert len({*map(bytes, train), *map(bytes, raw.test_images)}) == 11
    assert {*map(bytes, validation)} == {*map(bytes, train)}
    # As even as possible: 5000 / 9.
    counts = np.unique(validation, axis=0, return_counts=True)[1]
    assert set(counts) == {555, 556}
    assert np.bincount([*raw.train_labels[5000:], *raw.test_labels]).tolist() == [6, 5]
    assert lines[-1].endswith("--allow_unverified_data --batch_size 9")


def test_fitting_and_the_test_share(imports, tmp_path):
    made = make_pictures(tmp_path / "p", {"a": 40}, size=(28, 84))["a"]
    imported, _ = imports(out="birds", repeat=False, fit="cover", invert=True, test_share=0.5)
    assert (imported.train, imported.test) == (20, 20)
    # The middle, unscaled.
    assert labelled_of(tmp_path / "birds", copies=0) == labelled(255 - made[:, :, 28:56], [0] * 40)


def test_importing_again_gives_the_same_bytes_and_another_seed_another_split(imports, tmp_path):
    make_pictures(tmp_path / "p", {"one": 40}, size=(9, 13))
    imports(out="1/mnist")
    imports(out="2/mnist")
    imports(out="3/mnist", seed=1)
    for name in FILES[2:]:
        first, second, third = (
            (tmp_path / k / "mnist" / name).read_bytes() for k in ("1", "2", "3")
        )
        assert first == second
        assert (first == third) == (name == "split.json" or "labels" in name)


def test_without_subfolders_all_are_class_0(imports, tmp_path):
    make_pictures(tmp_path, {"flat": 7})
    imported, _ = imports("flat")
    assert imported.classes == ["flat"]
    assert not folder.read_folder(tmp_path / "mnist").train_labels.any()


def test_pictures_may_be_deeper_and_folders_links(imports, tmp_path):
    make_pictures(tmp_path / "real", {"a/x/y": 3, "a": 2, "b": 4})
    (tmp_path / "linked").mkdir()
    for name in ("a", "b"):
        (tmp_path / "linked" / name).symlink_to(tmp_path / "real" / name)
    imported, lines = imports("linked")
    assert lines[:2] == ["class 0: a, 5 pictures", "class 1: b, 4 pictures"]
    assert imported.skipped == []


def test_what_file_managers_leave_is_ignored(imports, tmp_path):
    make_pictures(tmp_path / "p", {"a": 3})
    files = (".DS_Store", "Thumbs.db", "a/desktop.ini", "a/._0000.pgm")
    for name in (*files, "Icon\r", "ehthumbs.db", "a/Picasa.ini"):
        (tmp_path / "p" / name).write_bytes(b"?")
    folders = ("__MACOSX", ".git", "lost+found", "@eaDir", "$RECYCLE.BIN", "a/@eaDir")
    for name in (*folders, "System Volume Information"):
        (tmp_path / "p" / name).mkdir()
        (tmp_path / "p" / name / "x.ini").write_bytes(b"?")
    imported, _ = imports()
    assert (imported.classes, imported.train + imported.test) == (["a"], 3)


def test_files_have_the_format_of_mnist(imports, tmp_path):
    make_pictures(tmp_path / "p", {"a": 3})
    imports()
    assert sorted(os.listdir(tmp_path / "mnist")) == FILES
    content = gzip.decompress((tmp_path / "mnist" / FILES[5]).read_bytes())
    assert struct.unpack(">IIII", content[:16]) == (0x803, 5002, 28, 28)
    assert len(content) == 16 + 5002 * 784


# What people's folders hold


def test_pictures_that_show_nothing_are_counted(imports, tmp_path):
    make_pictures(tmp_path, {"p": 4})
    for number, grey in enumerate((0, 255, 9)):
        saved(tmp_path / "p" / f"flat{number}.png", PIL.Image.new("L", (28, 28), grey))
    twelve = (noise(28, 28).astype(np.uint16) + 1) * 15
    saved(tmp_path / "p" / "twelve.png", twelve)
    _, lines = imports()
    assert any(line.startswith("warning: 3 of 8 pictures are of one colour") for line in lines)
    assert any(line.startswith("warning: 1 of 8 pictures are almost black") for line in lines)
    _, lines = imports(out="2/mnist", white=4095)
    assert not any("almost black" in line for line in lines)


def test_colours_and_other_sizes(imports, tmp_path):
    made = [noise(6, 20, 20, 3, seed=label) for label in range(2)]
    for name, images in zip("ab", made, strict=True):
        (tmp_path / "p" / name).mkdir(parents=True)
        for number, values in enumerate(images):
            saved(tmp_path / "p" / name / f"{number}.png", values)
    saved(tmp_path / "p" / "a" / "blue.png", PIL.Image.new("RGB", (20, 20), (1, 2, 250)))
    _, lines = imports(repeat=False, size=20, color=True)
    assert any("1 of 13 pictures are of one colour" in line for line in lines)
    blue = np.tile(np.array([1, 2, 250], np.uint8), (1, 20, 20, 1))
    expected = labelled([*made[0], *blue, *made[1]], [0] * 7 + [1] * 6)
    assert labelled_of(tmp_path / "mnist", copies=0) == expected
    with PIL.Image.open(tmp_path / "mnist" / "import_preview.png") as sheet:
        assert sheet.mode == "RGB"
        # Rows of 16 places hold seven and six images; each pixel is doubled.
        assert sheet.size == (2 * (16 * 22 + 2), 2 * (2 * 22 + 2))
    # The same images from an npz file.
    np.savez(tmp_path / "t.npz", x=np.concatenate(made), y=np.repeat([0, 1], 6))
    imports("t.npz", "two/mnist", repeat=False, size=20, color=True)
    assert labelled_of(tmp_path / "two" / "mnist", copies=0) == [
        pair for pair in expected if pair[0] != blue[0].tobytes()
    ]
    raw = folder.read_folder(tmp_path / "mnist")
    assert raw.train_images.shape[1:] == (20, 20, 3)


def test_line_art_is_counted(imports, tmp_path):
    (tmp_path / "p").mkdir()
    for number, alpha in enumerate(noise(3, 28, 28)):
        saved(tmp_path / "p" / f"{number}.png", np.stack([np.zeros_like(alpha), alpha], axis=-1))
    _, lines = imports()
    assert any(line.startswith("warning: 3 of 3 pictures have transparent parts") for line in lines)
    raw = folder.read_folder(tmp_path / "mnist")
    assert (np.ptp(raw.train_images, axis=(1, 2)) > 200).all()
    _, lines = imports(out="2/mnist", background=0)
    assert any("3 of 3 pictures are of one colour" in line for line in lines)


def test_the_preview_sheet(imports, tmp_path):
    make_pictures(tmp_path / "p", {"a": 20, "b": 3})
    imports()
    with PIL.Image.open(tmp_path / "mnist" / "import_preview.png") as image:
        sheet = np.asarray(image)[::2, ::2]
    # Up to five rows for each class: two of a, one of b; 30 pixels each, and one more gap.
    assert sheet.shape == (3 * 30 + 2, 16 * 30 + 2)
    np.testing.assert_array_equal(sheet[2:30, 2:30], noise(20, 28, 28, seed=0)[0])
    np.testing.assert_array_equal(sheet[62:90, 62:90], noise(3, 28, 28, seed=1)[2])


def test_classes_in_train_and_test_are_joined(imports, tmp_path):
    counts = {"training/cat": 3, "training/dog": 2, "testing/cat": 4, "testing/dog": 1}
    make_pictures(tmp_path / "p", counts)
    imported, lines = imports()
    assert imported.classes == ["cat", "dog"]
    assert "class 0: cat, 7 pictures" in lines
    assert any("training are taken for splits" in line for line in lines)
    make_pictures(tmp_path / "flat", {"train": 3, "test": 2})
    imported, _ = imports("flat", "2/mnist")
    assert (imported.classes, imported.train + imported.test) == (["flat"], 5)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["3", "8"], {"3": 3, "8": 8}),
        ([str(n) for n in range(1, 11)], {str(n): n - 1 for n in range(1, 11)}),
        (["c10", "c9", "a"], {"a": 0, "c9": 1, "c10": 2}),
        (["01", "2"], {"01": 0, "2": 1}),
    ],
)
def test_numbers_in_names(imports, tmp_path, names, labels):
    make_pictures(tmp_path / "p", dict.fromkeys(names, 2))
    imports()
    content = json.loads((tmp_path / "mnist" / CLASSES_JSON).read_bytes())["classes"]
    assert {each["name"]: int(label) for label, each in content.items()} == labels
    raw = folder.read_folder(tmp_path / "mnist")
    found = {*raw.train_labels.tolist(), *raw.test_labels.tolist()}
    assert found == set(labels.values())


def test_an_empty_class_can_be_left_out(imports, tmp_path):
    make_pictures(tmp_path / "p", {"a": 3, "c": 2})
    (tmp_path / "p" / "b").mkdir()
    with pytest.raises(DataError, match="its subfolder b holds no picture"):
        imports()
    imported, _ = imports(skip_bad=True)
    assert imported.classes == ["a", "c"]
    assert len(imported.skipped) == 1


def test_an_empty_subfolder_does_not_make_a_folder_of_pictures_one_of_classes(imports, tmp_path):
    make_pictures(tmp_path, {"p": 6})
    (tmp_path / "p" / "new").mkdir()
    with pytest.raises(DataError, match="its subfolder new holds no picture"):
        imports()
    imported, lines = imports(skip_bad=True)
    assert (imported.classes, imported.train + imported.test) == (["p"], 6)
    assert "its subfolder new holds no picture" in lines[0]


@pytest.mark.parametrize("skip_bad", [True, False])
def test_more_pictures_beside_the_subfolders_than_in_them(imports, tmp_path, skip_bad):
    """Leaving out nearly all pictures is not what anybody wants."""
    make_pictures(tmp_path, {"p": 6, "p/edited": 2})
    with pytest.raises(DataError, match="p: 6 files are beside its subfolders, which hold only 2"):
        imports(skip_bad=skip_bad)


def test_frames_are_pictures(imports, tmp_path):
    make_pictures(tmp_path / "p", {"a": 1, "b": 2})
    frames = [PIL.Image.new("L", (28, 28), grey) for grey in (60, 120, 180)]
    saved(tmp_path / "p" / "a" / "x.gif", frames[0], save_all=True, append_images=frames[1:])
    for all_frames, count in ((False, 2), (True, 4)):
        _, lines = imports(out=f"{count}/mnist", all_frames=all_frames)
        assert f"class 0: a, {count} pictures" in lines
        assert "class 1: b, 2 pictures" in lines


# Files that are not pictures


@pytest.fixture
def broken(tmp_path: pathlib.Path) -> pathlib.Path:
    """Makes 12 pictures and 7 things that are not pictures."""
    source = tmp_path / "broken"
    make_pictures(source, {"a": 6, "b": 6})
    (source / "a" / "0_empty.png").write_bytes(b"")
    (source / "a" / "1_text.png").write_bytes(b"no picture\nat all\n")
    os.truncate(saved(source / "b" / "2_cut.jpg", noise(99, 99, 3)), 1500)
    (source / "b" / "3_nowhere.png").symlink_to(source / "gone.png")
    os.mkfifo(source / "b" / "4_pipe.png")
    (source / "b" / "5_loop").symlink_to(source / "b")
    (source / "6_readme.txt").write_bytes(b"about these pictures")
    return source


def test_each_is_listed_and_nothing_is_written(broken, imports, tmp_path):
    lines: list[str] = []
    with pytest.raises(DataError, match=r"7 of 19 files cannot be imported.*--skip_bad"):
        imports(broken, lines=lines)
    names = sorted(pathlib.Path(line.partition(": ")[0]).name for line in lines)
    assert names == [
        "0_empty.png",
        "1_text.png",
        "2_cut.jpg",
        "3_nowhere.png",
        "4_pipe.png",
        "5_loop",
        "6_readme.txt",
    ]
    assert all(line.count("\n") == 0 and len(line.partition(": ")[2]) > 5 for line in lines)
    assert os.listdir(tmp_path) == ["broken"]


def test_skip_bad_leaves_them_out(broken, imports, tmp_path):
    imported, lines = imports(broken, skip_bad=True)
    assert imported.train + imported.test == 12
    assert len(imported.skipped) == 7
    assert lines[:7] == imported.skipped
    good = [*noise(6, 28, 28, seed=0), *noise(6, 28, 28, seed=1)]
    assert labelled_of(tmp_path / "mnist") == labelled(good, [0] * 6 + [1] * 6)


def test_a_class_with_only_bad_files_is_left_out(broken, imports, tmp_path):
    (broken / "ab").mkdir()
    (broken / "ab" / "x.png").write_bytes(b"x")
    _, lines = imports(broken, skip_bad=True)
    assert any("left out: 9 of 21 files" in line for line in lines), lines
    assert any("subfolder ab holds no picture" in line for line in lines)
    classes = json.loads((tmp_path / "mnist" / "classes.json").read_text())["classes"]
    names = sorted({path.name for path in broken.iterdir() if path.is_dir()} - {"ab"})
    assert {int(label): entry["name"] for label, entry in classes.items()} == dict(enumerate(names))
    assert set(folder.read_folder(tmp_path / "mnist").train_labels) <= {*range(len(names))}


def test_a_folder_without_any_picture(imports, tmp_path):
    (tmp_path / "p").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "p" / name).write_text("no picture")
    lines: list[str] = []
    with pytest.raises(DataError, match="0 pictures; expected at least 2"):
        imports(skip_bad=True, lines=lines)
    assert [pathlib.Path(line.partition(": ")[0]).name for line in lines] == ["a.txt", "b.txt"]


# Failures


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--out=own/mnist"], "--from is missing: give the folder of pictures"),
        (["p"], "--out is missing: give the folder to make"),
        (["p", "q", "--out=own/mnist"], "'q': expected one DIR and flags only"),
        (["q", "--from=p", "--out=own/mnist"], "'q': expected one DIR and flags only"),
        (["gone", "--out=own/mnist"], "--from=gone: expected a folder of pictures"),
        (["p", "--out=taken/mnist"], "--out=taken/mnist: it exists already"),
        (["p", "--out=p/data/mnist"], "--out=p/data/mnist: it is in --from=p, where each"),
        (["many", "--out=own/mnist"], "it has 257 subfolders"),
        (["hollow", "--out=own/mnist", "--repeat"], "its subfolder a holds no picture"),
        (["hollow/a", "--out=own/mnist", "--repeat"], "hollow/a: 0 pictures; expected"),
        (["p", "--out=many/x.txt/mnist", "--repeat"], "cannot write"),
    ],
)
def test_each_is_one_line(tmp_path, monkeypatch, capsys, words, line):
    monkeypatch.chdir(tmp_path)
    make_pictures(tmp_path / "p", {"a": 3})
    for number in range(257):
        (tmp_path / "many" / str(number)).mkdir(parents=True)
    (tmp_path / "many" / "x.txt").touch()
    (tmp_path / "hollow" / "a").mkdir(parents=True)
    (tmp_path / "taken" / "mnist").mkdir(parents=True)
    (tmp_path / "taken" / "mnist" / "train-images-idx3-ubyte").touch()
    assert cli.main(["import_images", *words]) in (1, 2)
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said
    assert not (tmp_path / "own").exists() or os.listdir(tmp_path / "own") == []


def test_folders_that_may_not_be_read_or_written(tmp_path, monkeypatch, unprivileged):
    make_pictures(tmp_path / "closed", {"a": 3})
    make_pictures(tmp_path / "open", {"a": 3})
    (tmp_path / "full").mkdir()
    tmp_path.chmod(0o755)
    (tmp_path / "full").chmod(0o555)
    (tmp_path / "closed" / "a").chmod(0o000)
    (tmp_path / "open" / "a" / "0001.pgm").chmod(0o000)
    monkeypatch.chdir(tmp_path)
    out = pathlib.Path("full", "mnist")
    lines: list[str] = []
    with unprivileged():
        with pytest.raises(DataError, match="cannot read closed/a: Permission denied"):
            run_import(pathlib.Path("closed"), out, repeat=True)
        with pytest.raises(OutputError, match="cannot write full/mnist: Permission denied"):
            run_import(pathlib.Path("open"), out, repeat=True)
    (tmp_path / "full").chmod(0o777)
    with unprivileged(), pytest.raises(DataError, match="1 of 3 files"):
        run_import(pathlib.Path("open"), out, repeat=True, lines=lines)
    assert lines == ["open/a/0001.pgm: Permission denied"]
    (tmp_path / "closed" / "a").chmod(0o755)


def test_a_failure_half_way_leaves_nothing(imports, tmp_path):
    make_pictures(tmp_path / "p", {"a": 3})

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imports(progress=stop)
    assert os.listdir(tmp_path) == ["p"]


def test_an_empty_folder_may_be_used(imports, tmp_path):
    make_pictures(tmp_path / "p", {"a": 3})
    (tmp_path / "mnist").mkdir()
    imports()
    assert sorted(os.listdir(tmp_path / "mnist")) == FILES
    with pytest.raises(UsageError, match="it exists already"):
        imports()


# The command


@pytest.mark.parametrize(
    "words",
    [
        ["p", "--out", "own/mnist", "--repeat"],
        ["--out=own/mnist", "p", "--repeat"],
        ["--repeat", "--from=p", "--out=own/mnist"],
    ],
)
def test_the_folder_may_come_anywhere(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    make_pictures(tmp_path / "p", {"a": 3})
    assert cli.main(["import_images", *words]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "class 0: a, 3 pictures",
        "wrote own/mnist: 2 training images (and 5000 copies for validation), 1 test images",
        "own/mnist/import_preview.png shows some of the images, as imported",
        "train with --dataset mnist --data_dir own --allow_unverified_data --batch_size 2",
    ]
    # With a name of its own it is not taken for the published data.
    named = [word.replace("mnist", "birds") for word in words]
    assert cli.main(["import_images", *named]) == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "train with --dataset birds --data_dir own --batch_size 2"


def test_help_says_where_the_folder_goes(capsys):
    assert cli.main(["import_images", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: ./run.sh import_images DIR [--flag=value ...]\n")
    assert "\n  --fit contain|cover|stretch\n" in shown


def test_progress_counts_pictures(imports, tmp_path):
    make_pictures(tmp_path / "p", {"a": 300})
    seen: list[tuple[int, int]] = []
    imports(progress=lambda *counts: seen.append(counts))
    assert seen == [(256, 300), (300, 300)]


def test_what_is_added_during_an_import_is_noticed_later(imports, tmp_path):
    source = tmp_path / "p"
    (first, *_) = make_pictures(source, {"a": 9})["a"]
    imports(progress=lambda *counts: PIL.Image.fromarray(first).save(source / "a" / "late.png"))
    assert imported_from(tmp_path / "mnist")["sha256"] != origin_of(str(source))["sha256"]


def test_what_gzip_packs_too_well_is_not_packed(imports, tmp_path, monkeypatch):
    """`read_idx` would take it for a bomb."""
    monkeypatch.setattr(idx, "_MAX_UNPACKED", 1000)
    (tmp_path / "p").mkdir()
    for number in range(40):
        PIL.Image.new("L", (64, 64), 10 + number // 20).save(tmp_path / "p" / f"{number}.png")
    imports(size=64)
    images = folder.read_folder(tmp_path / "mnist").train_images
    assert images.shape[1:] == (64, 64)
    assert (tmp_path / "mnist" / "train-images-idx3-ubyte").is_file()
    assert not (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").exists()
