"""`run.json`: what it holds, which settings continue a run, and how damage is refused."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from typing import Any

import pytest

from vanilla_gan.declare import Setting, table_of
from vanilla_gan.errors import OutputError, RunConflictError, UsageError
from vanilla_gan.runfolder.record import (
    RunRecord,
    changed_surroundings,
    config_of_data,
    continued_config,
    data_dir_of,
    forked_record,
    new_record,
    note_changes,
    read_record,
    versions,
)
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.sealed_json import write_sealed

DATASET = {"name": "digits", "checksum": "ab" * 32, "train_examples": 1000}


@pytest.fixture(autouse=True)
def no_data_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VANILLA_GAN_DATA", raising=False)


def make_record(**settings: Any) -> RunRecord:
    config = RunConfig(**{"seed": 5, "iters": 300, "sample_every": 50, **settings})
    return new_record(config.resolved(), DATASET, "/CPU:0")


def test_record_comes_back(tmp_path):
    record = make_record(learning_rate=1e-4, init_weights="w.npz", gpu_memory_fraction=0.5)
    record.trained = 200
    record.rewinds.append({"iteration": 105, "to": 80})
    record.save(tmp_path)

    assert read_record(tmp_path) == record


def test_rewinds_of_its_parent_are_not_a_forks_own(tmp_path):
    record = make_record()
    record.rewinds = [{"iteration": 105, "to": 80}] * 3
    assert record.own_rewinds == 3
    record.parent = {"path": "out", "run_id": "1", "iteration": 80, "checkpoint": "ab" * 32}
    record.parent |= {"changes": [{"setting": "r1", "was": 0.0, "is": 1.0}], "rewinds": 3}
    record.save(tmp_path)
    assert read_record(tmp_path).own_rewinds == 0


def test_tensorflow_may_be_installed_under_another_name(monkeypatch):
    version = importlib.metadata.version

    def none_called_tensorflow(name: str) -> str:
        if name == "tensorflow":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    expected = versions()
    monkeypatch.setattr(importlib.metadata, "version", none_called_tensorflow)
    assert versions() == expected


def test_record_holds_what_the_run_depends_on(tmp_path):
    make_record().save(tmp_path)
    written = json.loads((tmp_path / "run.json").read_text())
    assert set(written) == {
        *("format", "run_id", "config", "dataset", "device", "versions"),
        *("started", "trained", "rewinds", "data_at", "changes", "parent", "sha256"),
        *("from_preset", "best", "plugins", "diverged"),
    }
    assert written["format"] == 1
    assert written["config"].keys() == RunConfig().to_json().keys()
    assert written["config"]["seed"] == 5
    assert written["dataset"] == DATASET
    assert {"tensorflow", "numpy", "python"} <= written["versions"].keys()
    assert written["versions"]["oneDNN"] in ("on", "off")


def test_changed_surroundings_are_reported():
    record = make_record()
    assert not changed_surroundings(record, record.device)
    record.versions["oneDNN"] = "otherwise"
    (line,) = changed_surroundings(record, record.device)
    assert "begun with oneDNN otherwise and goes on with" in line
    del record.versions["oneDNN"], record.versions["numpy"]
    (line,) = changed_surroundings(record, record.device)  # As from an older version.
    assert "begun with numpy unknown" in line


def test_each_run_has_an_id_of_its_own():
    assert len({make_record().run_id for _ in range(20)}) == 20


def test_no_record(tmp_path):
    assert read_record(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format is 2, expected 1"),
        ({"config": None}, "config is null, expected an object"),
        ({"config": {"iters": 3, "nonsense": 1}}, "unknown settings: nonsense"),
        ({"surplus": 1}, "surplus is unknown"),
        ({"dataset": 3}, "dataset is 3, expected an object"),
        ({"trained": True}, "trained is true, expected a whole number in 0, 1, ..."),
    ],
)
def test_sealed_file_of_another_kind(tmp_path, change, message):
    make_record().save(tmp_path)
    content = json.loads((tmp_path / "run.json").read_text())
    del content["sha256"]
    write_sealed(tmp_path / "run.json", {**content, **change})
    with pytest.raises(RunConflictError, match=message) as caught:
        read_record(tmp_path)
    assert str(caught.value).isprintable()


def test_another_run_in_the_folder_of_a_running_one(tmp_path):
    record = make_record()
    record.check_still_there(tmp_path)
    record.save(tmp_path)
    record.check_still_there(tmp_path)
    make_record().save(tmp_path)
    with pytest.raises(OutputError, match="now holds another run"):
        record.check_still_there(tmp_path)


def test_record_that_is_a_folder(tmp_path):
    (tmp_path / "run.json").mkdir()
    with pytest.raises(RunConflictError, match=r"run\.json cannot be used"):
        read_record(tmp_path)


def continued(record: RunRecord, **given: Any) -> RunConfig:
    return continued_config(record, RunConfig(**given))


def test_what_is_not_given_is_taken_from_the_run(tmp_path, monkeypatch):
    # A clone in which somebody has trained has a folder `data`.
    monkeypatch.chdir(tmp_path)
    record = make_record(h_dim=17, engine="feed", data_dir="elsewhere")
    assert continued(record, out="moved") == dataclasses.replace(record.config, out="moved")


def test_settings_that_affect_no_number_may_change():
    record = make_record()
    config = continued(record, iters=900, checkpoint_every=7, keep_checkpoints=1, data_dir="d")
    assert (config.iters, config.checkpoint_every, config.keep_checkpoints) == (900, 7, 1)
    assert config.data_dir == "d"


@pytest.mark.parametrize(
    ("system", "given"),
    [
        ("vanilla", {}),
        ("conditional", {}),
        ("conditional", {"sample_class": "all"}),
        ("conditional", {"sample_class": "0"}),
    ],
)
def test_a_run_with_a_class_called_all_continues(system, given):
    record = make_record(system=system, **given)
    record.dataset = {**DATASET, "num_classes": 8, "class_names": ["all", *"1234567"]}
    record.config = config_of_data(record.config, record.dataset)
    assert continued(record, **given) == record.config


def test_each_difference_is_listed_with_both_remedies():
    record = make_record(h_dim=17)
    given = {"out": "x", "h_dim": (18, 7), "seed": 6, "batch_size": 128, "iters": 9}
    with pytest.raises(RunConflictError) as caught:
        continued(record, **given)
    line = str(caught.value)
    assert "x holds a run with other settings: --h_dim was 17, is 18,7; --seed was 5, is 6;" in line
    assert "another --out" in line
    assert "--overwrite" in line
    assert "iters" not in line
    assert "batch_size" not in line


@pytest.mark.parametrize("given", ["auto", "digits"])
@pytest.mark.parametrize("then", ["auto", "digits"])
def test_data_set_that_auto_stands_for(then, given):
    record = make_record(dataset=then)
    assert continued(record, dataset=given).dataset == then


def test_other_data_set_than_auto_stood_for():
    with pytest.raises(RunConflictError, match="--dataset was digits, is mnist"):
        continued(make_record(dataset="auto"), dataset="mnist")


FREE = {
    *("iters", "epochs", "data_dir", "allow_unverified_data", "out", "overwrite"),
    *("checkpoint_every", "keep_checkpoints", "on_nan", "max_rewinds"),
    *("allow_growth", "gpu_memory_fraction", "log_device_placement"),
    *("gif_frames", "gif_stride", "report", "tensorboard", "evaluate_every", "tune"),
    *("keep_best", "stop_after_no_gain"),
    *("log_every", "engine", "device", "allow_soft_placement"),
    *("intra_op_threads", "inter_op_threads"),
}
FIXED = {
    *("system", "loss", "init", "batch_size", "z_dim", "h_dim", "learning_rate", "adam_epsilon"),
    *("label_smoothing", "dropout_rate", "seed", "init_weights", "dataset", "sample_every"),
    *("sample_class", "precision"),
}


def test_settings_that_decide_the_numbers_tell_runs_apart():
    record = make_record(evaluate_every=1000, keep_best="recall")
    for name, entry in table_of(RunConfig).items():
        was = record.config.to_json()[name]
        candidates = [
            *entry.choices,
            3000,
            50,
            7,
            0.125,
            True,
            False,
            "all",
            "cpu",
            "collapse",
            "mine:1",
        ]
        given = {name: next(value for value in candidates if is_other(entry, was, value))}
        # For a setting in neither list, `entry.is_free` decides.
        if name in FREE or (name not in FIXED and entry.is_free):
            assert getattr(continued(record, **given), name) == given[name]
            continue
        with pytest.raises(RunConflictError, match=f"--{name} was .*, is {given[name]};"):
            continued(record, **given)


def is_other(entry: Setting, was: object, value: object) -> bool:
    """Returns whether a setting accepts a value that differs from the run's."""
    try:
        entry.check(value)
    except UsageError:
        return False
    # `auto` stands for the run's own data.
    return value not in (was, "auto")


def test_a_value_that_is_the_default_is_refused_like_any_other():
    record = make_record(learning_rate=0.5)
    with pytest.raises(RunConflictError, match=r"--learning_rate was 0\.5, is 0\.001;"):
        continued(record, learning_rate=0.001)
    assert continued(record).learning_rate == 0.5


@pytest.mark.parametrize(
    ("given", "forks"),
    [({"seed": 6}, True), ({"h_dim": 18}, False), ({"seed": 6, "init": "xavier_normal"}, False)],
)
def test_the_suggested_way_out_works(given, forks):
    """A fork may change what affects numbers, but not the variables or their initial values."""
    with pytest.raises(RunConflictError) as caught:
        continued(make_record(), out="x", **given)
    assert ("fork --from x" in str(caught.value)) == forks


def test_initial_weights_play_no_part_in_a_run_with_a_checkpoint():
    record = make_record(init_weights="w.npz")
    given = RunConfig(init_weights="moved.npz")
    with pytest.raises(RunConflictError, match=r"--init_weights was w\.npz, is moved\.npz"):
        continued_config(record, given)
    assert continued_config(record, given, begun=True).init_weights == "w.npz"


def test_a_fork_to_a_loss_without_labels_smooths_none(tmp_path):
    parent = make_record(system="layers", batch_size=8)
    assert parent.config.label_smoothing == 0.1
    given = RunConfig(loss="hinge", out="new")
    new = forked_record(parent, given, tmp_path, parent.dataset).config
    assert (new.loss, new.label_smoothing) == ("hinge", 0.0)
    given = RunConfig(loss="hinge", label_smoothing=0.2, out="new")
    with pytest.raises(UsageError, match="label_smoothing does not apply"):
        forked_record(parent, given, tmp_path, parent.dataset)


def test_what_came_from_a_preset_is_recorded(tmp_path):
    record = make_record(preset="stable", batch_size=8, r2=0.3)
    record.save(tmp_path)
    read = read_record(tmp_path)
    assert read == record
    assert read.config.h_dim == (512, 512)
    brought = {"loss", "r1", "beta1", "beta2", "ema", "learning_rate", "h_dim"}
    assert set(read.from_preset) == brought
    # With the same preset or none the run continues; another preset would be another run.
    for given in ({"preset": "stable"}, {}):
        assert continued(read, **given) == continued(record)
    with pytest.raises(RunConflictError, match="--preset was stable, is published; choose"):
        continued(read, preset="published")
    new = forked_record(read, RunConfig(r1=0.5, out="new"), tmp_path, read.dataset)
    assert (new.config.r1, set(new.from_preset)) == (0.5, brought - {"r1"})


def test_a_fork_ends_where_its_parent_would_even_if_epochs_become_longer(tmp_path):
    parent = make_record(system="layers", iters=None, epochs=100, batch_size=8)
    parent.config = parent.config.counted(1000)
    for given in ({"batch_size": 16}, {"D_steps": 2}):
        record = forked_record(parent, RunConfig(**given, out="new"), tmp_path, parent.dataset)
        new = record.config
        assert (new.iters, new.epochs) == (parent.config.iters, None)
        assert [change["setting"] for change in record.parent["changes"]] == [*given]
    same = forked_record(parent, RunConfig(out="new"), tmp_path, parent.dataset).config
    assert (same.iters, same.epochs) == (parent.config.iters, 100)


def test_changes_are_reported_and_recorded(tmp_path):
    record = make_record(device="gpu")
    assert note_changes(record, continued(record, iters=900, out="elsewhere"), 40) is None
    config = continued(record, device="cpu", engine="feed")
    line = note_changes(record, config, 80)
    assert "--device cpu (was gpu)" in line
    assert "--engine feed (was loop)" in line
    record.save(tmp_path)
    read = read_record(tmp_path)
    assert read == record
    assert (read.config.iters, read.config.engine) == (900, "feed")
    assert read.changes == [
        {"iteration": 80, "setting": "engine", "was": "loop", "is": "feed"},
        {"iteration": 80, "setting": "device", "was": "gpu", "is": "cpu"},
    ]


def test_a_record_of_an_older_version(tmp_path):
    make_record().save(tmp_path)
    content = json.loads((tmp_path / "run.json").read_text())
    for name in ("sha256", "data_at", "changes", "parent", "from_preset"):
        del content[name]
    write_sealed(tmp_path / "run.json", content)
    assert read_record(tmp_path).changes == []


@pytest.mark.parametrize("where", ["recorded", "here", "run/beside", "beside", "all", "nowhere"])
def test_where_the_data_are_now(tmp_path, monkeypatch, where):
    """A run is continued from a folder other than its first one, or was moved with its data."""
    for folder in ("then", "now", "moved/run", "all"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "then")
    record = make_record(data_dir="the_data")
    monkeypatch.chdir(tmp_path / "now")
    monkeypatch.setenv("VANILLA_GAN_DATA", str(tmp_path / "all") if where == "all" else "none")
    place = {
        "recorded": tmp_path / "then" / "the_data",
        "here": tmp_path / "now" / "the_data",
        "run/beside": tmp_path / "moved" / "run" / "the_data",
        "beside": tmp_path / "moved" / "the_data",
        "all": tmp_path / "all",
    }.get(where)
    if place is not None:
        place.mkdir(exist_ok=True)
    run = tmp_path / "moved" / "run"
    if where == "all":
        # The folder that once held the data still exists; it must not end the search.
        (tmp_path / "then" / "the_data").mkdir()
        (place / record.dataset["name"]).mkdir()
    found = data_dir_of(record, run)
    expected = "the_data" if where in ("here", "nowhere") else str(place)
    assert found == expected
    assert continued(record, out=str(run)).data_dir == found
