"""Tests of the command line: every mistake ends in one line, with the right exit status."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from offline import data_files, listed_shapes, read_losses
from processes import python
from tables import CONFIGS, NEEDED, settings_of_all, wrong_words

from vanilla_gan import __version__
from vanilla_gan.cli import main as cli
from vanilla_gan.cli.commands import COMMANDS
from vanilla_gan.cli.flags import Flags
from vanilla_gan.cli.words import this_program
from vanilla_gan.declare import table_of
from vanilla_gan.settings import ENGINES, RunConfig

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"


pytestmark = pytest.mark.usefixtures("elsewhere")


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def failing(capsys):
    """Returns a function that runs the command line and returns (status, the one line)."""

    def run(*words):
        status = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1, err
        assert err.startswith("run.sh: ")
        line = err.removesuffix("\n").removeprefix("run.sh: ")
        assert line.isprintable()
        assert "Traceback" not in line
        return status, line

    return run


@pytest.mark.parametrize(("command", "setting"), settings_of_all())
def test_a_wrong_value(failing, elsewhere, command, setting):
    table = table_of(CONFIGS[command])
    needed = [f"--{table[name].flag}={word}" for name, word in NEEDED.get(command, {}).items()]
    for value in wrong_words(setting):
        forms = [[f"--{setting.flag}={value}"], [f"--{setting.flag}", value]]
        for words in forms[: 1 if setting.kind is bool else 2]:
            status, line = failing(command, *needed, *words)
            assert status == 2
            assert f"--{setting.flag}" in line
            assert files_below(elsewhere) == []


def test_every_flag_of_train_has_a_wrong_value():
    assert all(wrong_words(setting) for setting in table_of(RunConfig).values())


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["--itres", "5"], "iters"),
        (["--iter=5"], "iters"),
        (["--sead=1"], "seed"),
        (["--lerning_rate=1"], "learning_rate"),
        (["--sample-every=1"], "sample_every"),
        (["--noallow_grow"], "allow_growth"),
        (["--init_weight=x"], "init_weights"),
    ],
)
def test_an_unknown_flag_names_the_nearest(failing, elsewhere, words, nearest):
    status, line = failing("train", *words)
    assert status == 2
    assert f"unknown flag --{words[0][2:].partition('=')[0]}" in line
    assert f"did you mean {nearest!r}?" in line
    assert files_below(elsewhere) == []


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--dataset=MNIST"], "mnist"),
        (["--dataset", "fashion-mnist"], "fashion_mnist"),
        (["--system=Vanila"], "vanilla"),
        (["export", "--format=saved-model", "--from=x", "--out=y"], "saved_model"),
    ],
)
def test_a_choice_that_is_spelled_differently(failing, elsewhere, words, meant):
    status, line = failing(*words)
    assert status == 2
    assert f" (did you mean {meant!r}?)" in line
    assert files_below(elsewhere) == []


def test_an_unknown_flag_that_resembles_none(failing):
    assert failing("--zzqqxx=1") == (2, "unknown flag --zzqqxx; see run.sh train --help")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "unknown command 'trian' (did you mean 'train'?); expected train"),
        (["frobnicate"], "unknown command 'frobnicate'; expected train"),
        ([""], "unknown command ''; expected train"),
        (["two\nlines"], r"unknown command 'two\nlines'; expected train"),
        (["train", "1000"], "'1000': expected flags only"),
        (["train", "--iters=5", "more", "words"], "'more words': expected flags only"),
        (["--", "--iters=5"], "'--iters=5': expected flags only"),
        (["--iters"], "Missing value for flag --iters"),
        (["--noreport=1"], "--noreport=1 does not take an argument"),
        (["--flagfile"], "--flagfile with no argument"),
        (["--iters=5", "--epochs=1"], "--iters and --epochs both set the length of a run"),
    ],
)
def test_words_that_are_not_flags(failing, elsewhere, words, said):
    status, line = failing(*words)
    assert status == 2
    assert line.startswith(said)
    assert files_below(elsewhere) == []


def imported(stderr):
    """Returns the packages that a process with `-X importtime` imported."""
    return {line.rpartition("|")[2].split(".")[0].strip() for line in stderr.splitlines()}


@pytest.mark.parametrize("command", CONFIGS)
def test_the_flags_of_a_command_load_nothing_that_its_work_needs(command):
    done = python("-X", "importtime", "-m", "vanilla_gan", command, "--helpfull")
    assert done.returncode == 0
    packages = imported(done.stderr)
    assert "absl" in packages
    assert not {"tensorflow", "keras", "matplotlib", "scipy"} & packages
    for setting in table_of(CONFIGS[command]).values():
        assert f"  --{setting.flag} " in done.stdout


def test_help_says_the_defaults(capsys):
    assert cli.main(["--helpfull"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    for name, default in RunConfig().to_json().items():
        if isinstance(default, str) and default:
            (text,) = re.findall(rf"^  --{name} (.+\n(?:      .+\n)+)", shown, re.MULTILINE)
            assert re.search(rf"\(default {re.escape(default)}\b", " ".join(text.split()))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_is_valid(name, capsys):
    command = COMMANDS[name]()
    words = shlex.split(command.example)
    assert (words[0] == name) == (name != "train")
    assert command.flags.parse(words[name != "train" :]).keys() or name == "verify"
    assert cli.main(["help", name]) == 0
    assert f" {command.example}\n" in capsys.readouterr().out


@pytest.mark.parametrize(("given", "meant"), [("lr", "learning_rate"), ("batch", "batch_size")])
def test_what_other_programs_call_a_flag(failing, given, meant):
    status, line = failing(f"--{given}=1")
    assert status == 2
    assert f"did you mean {meant!r}?" in line


def test_an_installed_program_calls_itself_by_its_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/vanilla-gan"])
    assert cli.main(["help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: vanilla-gan [train] ")
    assert "run.sh" not in shown
    assert not re.search(r"\btest\b", shown)
    assert cli.main(["--iters=0"]) == 2
    assert capsys.readouterr().err.startswith("vanilla-gan: --iters=0: ")


def test_an_installed_program_starts_runs_without_the_folders_modules(tmp_path, monkeypatch):
    script = tmp_path / "bin" / "vanilla-gan"
    script.parent.mkdir()
    script.write_text("import sys\nfrom vanilla_gan.cli.main import main\nsys.exit(main())\n")
    (tmp_path / "textwrap.py").write_text("raise ImportError('of the folder')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bin/vanilla-gan"])
    command = [*this_program(), "version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"vanilla_gan {__version__}\n"), done.stderr


def test_wrong_usage_imports_no_tensorflow_and_leaves_one_line(elsewhere):
    done = python("-X", "importtime", "-m", "vanilla_gan", "--iters=0", cwd=elsewhere)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 2
    assert done.stdout == ""
    assert lines == ["run.sh: --iters=0: expected a whole number of at least 1"]
    assert not {"tensorflow", "matplotlib"} & imported(done.stderr)


@pytest.mark.parametrize(
    "words",
    [
        *(["--help"], ["train", "--help"], ["-h"], ["--iters=0", "--help"], ["--helpfull"]),
        *(["help"], ["help", "--helpfull"]),
    ],
)
def test_help_goes_to_stdout(capsys, elsewhere, words):
    assert cli.main(words) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: ./run.sh [train] [--flag=value ...]")
    assert err == ""
    assert files_below(elsewhere) == []


@pytest.mark.parametrize("word", ["--version", "version"])
def test_version(capsys, word):
    assert cli.main([word]) == 0
    assert capsys.readouterr().out == f"vanilla_gan {__version__}\n"


# A small network and three iterations, so that a run is quick.
SMALL = ["--iters=3", "--h_dim=5", "--z_dim=3", "--batch_size=11", "--seed=1"]


@pytest.fixture
def on_offline_data(offline_data_dir):
    """Returns the flags that train a small network on the offline data set."""
    return ["--dataset=mnist", f"--data_dir={offline_data_dir}", "--allow_unverified_data", *SMALL]


def test_every_flag_reaches_the_run(capsys, on_offline_data, offline_data_dir):
    given = {
        "system": "vanilla",
        "loss": "minimax",
        "init": "xavier_normal",
        "learning_rate": 0.002,
        "label_smoothing": 0.125,
        "out": "some where",
        "overwrite": True,
        "sample_every": 2,
        "log_every": 1,
        "checkpoint_every": 2,
        "keep_checkpoints": 2,
        "on_nan": "rewind",
        "max_rewinds": 4,
        "engine": "feed",
        "device": "cpu",
        "allow_growth": False,
        "gpu_memory_fraction": 0.75,
        "allow_soft_placement": False,
        "log_device_placement": False,
        "intra_op_threads": 1,
        "inter_op_threads": 2,
    }
    words = []
    for name, value in given.items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no{name}")
        else:
            words += [f"--{name}", str(value)]
    assert cli.main([*on_offline_data, *words]) == 0
    out = pathlib.Path("some where")
    config = json.loads((out / "run.json").read_text())["config"]
    assert {name: config[name] for name in given} == given
    assert (config["iters"], config["h_dim"], config["z_dim"]) == (3, 5, 3)
    assert (config["batch_size"], config["seed"]) == (11, 1)
    assert config["data_dir"] == str(offline_data_dir)
    assert sorted(path.name for path in out.glob("0*.png")) == ["000.png", "001.png"]
    assert read_losses(out)[:, 0].tolist() == [0, 1, 2]
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == [
        "0000000002",
        "0000000003",
    ]
    captured = capsys.readouterr()
    lines = captured.out.split("\n")
    assert [lines[0], lines[3], lines[4], lines[7:]] == ["Iter: 0", "", "Iter: 2", ["", ""]]
    assert re.fullmatch(r"D loss: \d\.\d{1,3}", lines[1])
    assert re.fullmatch(r"G_loss: -\d\.\d{1,4}", lines[2])


@pytest.mark.slow
def test_placements_are_logged_when_asked_for(on_offline_data, elsewhere):
    # In a process of its own, because TensorFlow reads its log level only once.
    words = [*on_offline_data, "--log_device_placement", "--device=cpu"]
    done = python("-m", "vanilla_gan", *words, cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    placed = dict(re.findall(r"([\w/]*MatMul[\w/]*): \(MatMul\): (\S+)", done.stderr))
    assert len(placed) > 10
    assert set(placed.values()) == {"/job:localhost/replica:0/task:0/device:CPU:0"}


def test_what_is_not_given_is_not_among_the_settings():
    assert Flags(RunConfig).parse([]) == {}
    words = ["--log_every=100", "--noreport", "--loss", "log"]
    assert Flags(RunConfig).parse(words) == {"log_every": 100, "report": False, "loss": "log"}
    assert Flags(RunConfig).parse(["--h_dim=512"]) == {"h_dim": 512}
    assert Flags(RunConfig).parse(["--h_dim", "512,256"]) == {"h_dim": (512, 256)}


def test_absl_flags_of_other_libraries_are_left_alone():
    from absl import flags

    before = set(flags.FLAGS)
    assert cli.main(["--help"]) == 0
    assert cli.main(["--iters=0"]) == 2
    assert set(flags.FLAGS) == before


# --- An --out that cannot be used.


def test_a_working_folder_that_is_gone(failing, elsewhere):
    elsewhere.rmdir()
    status, line = failing("--out=new")
    assert (status, "does not exist any more" in line) == (2, True), line


@pytest.mark.parametrize("out", ["taken", "taken/deeper/out"])
def test_out_is_a_file_or_below_one(failing, elsewhere, on_offline_data, out):
    (elsewhere / "taken").write_bytes(b"mine")
    status, line = failing(*on_offline_data, f"--out={out}")
    assert status == 2
    assert line.startswith(f"--out={out}: it, or a part of its path, is a file; expected a folder")
    assert (elsewhere / "taken").read_bytes() == b"mine"
    assert files_below(elsewhere) == ["taken"]


@pytest.mark.parametrize("where", ["locked", "locked/new"])
def test_out_is_not_writable(failing, elsewhere, on_offline_data, unprivileged, where):
    (elsewhere / "locked").mkdir()
    (elsewhere / "locked").chmod(0o555)
    elsewhere.chmod(0o755)
    with unprivileged():
        status, line = failing(*on_offline_data, f"--out={where}")
    assert status == 1
    assert line.startswith(f"cannot write {where}: Permission denied; ")
    assert "choose another folder" in line
    assert files_below(elsewhere) == ["locked"]


# --- Wrong data files.


@pytest.fixture(scope="module")
def good_files():
    return data_files()


@pytest.fixture
def data_dir(elsewhere, good_files):
    """Returns a function that makes `data/mnist` with the four files, some of them replaced."""

    def make(changes):
        folder = elsewhere / "data" / "mnist"
        folder.mkdir(parents=True)
        for name, content in {**good_files, **changes}.items():
            if content is not None:
                (folder / name).write_bytes(content)
        return folder

    return make


# More kinds of wrong files: test_idx.py, test_data_files.py.
BAD_FILES = {
    "cut labels": (TRAIN_LABELS, lambda c: c[:-3], "was cut: .* 3 bytes are missing"),
    "missing": (TEST_LABELS, lambda c: None, f"lacks {TEST_LABELS}"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_data_file_that_is_wrong(failing, elsewhere, good_files, data_dir, case):
    name, change, said = BAD_FILES[case]
    content = change(good_files[name])
    folder = data_dir({name: content})
    before = files_below(elsewhere)
    status, line = failing("--dataset=mnist", "--data_dir=data", "--allow_unverified_data", *SMALL)
    assert status == 1
    assert re.search(said, line)
    assert str(folder.relative_to(elsewhere)) in line
    if content is not None:
        assert (folder / name).read_bytes() == content
    # A start that fails leaves no empty folder of results.
    assert files_below(elsewhere) == before


def test_images_that_are_not_the_published_ones(failing, elsewhere, data_dir):
    data_dir({})
    before = files_below(elsewhere)
    status, line = failing("--dataset=mnist", "--data_dir=data", *SMALL)
    assert status == 1
    assert f"data/mnist/{TRAIN_IMAGES} is not the published file: expected SHA-256 ba891046" in line
    assert "--allow_unverified_data" in line
    assert files_below(elsewhere) == before


# --- Wrong weights. More kinds of wrong npz files: test_weights.py.


def test_weights_that_are_wrong(failing, elsewhere, on_offline_data):
    weights = {name: np.zeros(shape) for name, shape in listed_shapes(h_dim=5, z_dim=3).items()}
    np.savez(elsewhere / "w.npz", **{**weights, "G_W1": np.zeros((5, 3))})
    status, line = failing(*on_offline_data, "--init_weights=w.npz")
    assert status == 1
    assert line.startswith("w.npz: ")
    assert "G_W1 has shape [5, 3], expected [3, 5]" in line
    assert files_below(elsewhere) == ["w.npz"]


# --- Losses that diverge.


@pytest.mark.parametrize(
    "engine", [ENGINES[0], *(pytest.param(each, marks=pytest.mark.slow) for each in ENGINES[1:])]
)
def test_a_run_that_diverges(capsys, elsewhere, on_offline_data, offline_weights, engine):
    words = [
        *on_offline_data,
        "--h_dim=128",
        "--z_dim=100",
        "--iters=500",
        "--loss=log",
        "--learning_rate=0.01",
        "--log_every=1",
        "--sample_every=10",
        f"--init_weights={offline_weights}",
        f"--engine={engine}",
    ]
    assert cli.main(words) == 1
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    found = re.fullmatch(
        r"run\.sh: stopped at iteration (\d+): D loss is (\S+), G_loss is (\S+); "
        r"the last good picture is (\S+), nothing later was saved; (.*)",
        line,
    )
    assert found, line
    iteration = int(found[1])
    losses = [float(found[2]), float(found[3])]
    assert not np.isfinite(losses).all()
    assert "logarithm of a probability" in found[5]
    assert "--loss sigmoid_cross_entropy" in found[5]
    # Every iteration before it has a row, and all numbers are finite.
    rows = read_losses(elsewhere / "out")
    assert rows[:, 0].tolist() == list(range(iteration))
    assert np.isfinite(rows).all()
    assert "nan" not in captured.out
    assert "inf" not in captured.out
    pictures = sorted((elsewhere / "out").glob("0*.png"))
    assert found[4] == f"out/{pictures[-1].name}"
    # A picture is drawn before its iteration's losses are known, so its samples were still finite.
    assert len(pictures) == iteration // 10 + 1
    assert iteration > 10
    assert not list((elsewhere / "out").rglob("*.tmp"))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("--help >/dev/full", 1),
        ("--help >&-", 0),
        ("--nonsense 2>/dev/full", 2),
        ("--nonsense 2>&- >said", 2),
        ("compare --from nowhere <&- >&- 2>&-", 2),
    ],
)
def test_standard_streams_that_are_closed_or_full(tmp_path, words, status):
    """No message lands in another stream, and only a full standard output changes the status."""
    program = f"{shlex.quote(sys.executable)} -m vanilla_gan"
    done = subprocess.run(
        ["sh", "-c", f"{program} {words}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    said = done.stderr.splitlines()
    assert len(said) == (1 if words == "--help >/dev/full" else 0)
    assert all(line.startswith("run.sh: cannot write standard output: ") for line in said)
    assert not (tmp_path / "said").exists() or (tmp_path / "said").read_bytes() == b""


@pytest.mark.slow
def test_no_file_of_a_run_becomes_a_standard_stream(tmp_path, offline_data_dir):
    words = f"--iters=2 --h_dim=5 --z_dim=3 --dataset=mnist --data_dir={offline_data_dir} --seed=1"
    program = f"{shlex.quote(sys.executable)} -m vanilla_gan {words} --allow_unverified_data"
    for out, streams in (("open", ">stdout 2>stderr"), ("closed", "<&- >&- 2>&-")):
        command = ["sh", "-c", f"{program} --device=cpu --out={out} {streams}"]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    for name in ("losses.csv", "000.png"):
        expected = (tmp_path / "open" / name).read_bytes()
        assert (tmp_path / "closed" / name).read_bytes() == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_what_must_be_given_and_what_the_example_names(name, capsys):
    command = COMMANDS[name]()
    assert cli.main([name, "--help"]) == 0
    shown = set(re.findall(r"^  --(\w+) ", capsys.readouterr().out, re.MULTILINE))
    assert {
        entry.flag for entry in table_of(command.flags.config).values() if entry.missing
    } <= shown
    assert set(re.findall(r"--(\w+)", command.example)) <= shown
