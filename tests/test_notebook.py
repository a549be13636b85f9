"""A run in a cell of a real kernel: what is shown there, and what an interrupt does."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel
from small_run import make_run

import vanilla_gan
from vanilla_gan.observers.cell import run_as_html
from vanilla_gan.runfolder.record import read_record

PATIENCE_S = 180.0
NOTEBOOKS = pathlib.Path(__file__).resolve().parents[1] / "docs" / "notebooks"


def test_only_pictures_are_shown(tmp_path):
    """Notebooks are passed on to others, and a link in a run's folder may lead to any file."""
    out = make_run(tmp_path / "run")
    for content, is_shown in ((b"secret" * 9, False), (b"\x89PNG\r\n\x1a\n" + b"secret" * 9, True)):
        (tmp_path / "else").write_bytes(content)
        (out / "latest.png").unlink(missing_ok=True)
        (out / "latest.png").symlink_to(tmp_path / "else")
        page = run_as_html(out)
        assert (base64.b64encode(content).decode() in page) == is_shown
        assert page.count("<img") == page.count("object-fit: contain") == 1 + is_shown
    # A plug-in that was edited since hides the losses, and nothing else.
    record = read_record(out)
    record.plugins = [{"path": "/mine.py", "sha256": "0" * 64}]
    record.save(out)
    assert run_as_html(out).count("<img") == 1


class Kernel:
    """A kernel in a folder of its own, and what its cells show."""

    def __init__(self, folder) -> None:
        # Another test may have run the command in this process, which sets this variable.
        environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        self.manager, self.client = start_new_kernel(cwd=str(folder), env=environment)

    def run(self, code: str, when: Callable[[dict[str, Any]], None] = lambda output: None):
        """Runs a cell; returns its outputs, and calls `when` with each as it comes."""
        request = self.client.execute(code)
        outputs = []
        end_s = time.monotonic() + PATIENCE_S
        while True:
            message = self.client.get_iopub_msg(timeout=end_s - time.monotonic())
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if content.get("execution_state") == "idle":
                return outputs
            if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                output = {"type": message["msg_type"], **content}
                outputs.append(output)
                when(output)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory, offline_data_dir):
    kernel = Kernel(tmp_path_factory.mktemp("notebook"))
    settings = {
        "dataset": "mnist",
        "data_dir": str(offline_data_dir),
        "allow_unverified_data": True,
        "seed": 3,
        "h_dim": 7,
        "z_dim": 3,
        "batch_size": 11,
        "log_every": 1,
    }
    kernel.run(
        f"import json, vanilla_gan\nsettings = json.loads({json.dumps(settings)!r})\nmine = 7"
    )
    yield kernel
    kernel.close()


def train(out: str, iters: int, **others: Any) -> str:
    given = f"**{{**settings, **{others!r}}}, iters={iters}, out={out!r}"
    return f"run = vanilla_gan.train(vanilla_gan.RunConfig({given}))"


def text(outputs, name: str) -> str:
    return "".join(o["text"] for o in outputs if o["type"] == "stream" and o["name"] == name)


def test_a_run_shows_itself_in_its_cell_and_tensorflow_says_nothing(kernel):
    outputs = kernel.run(train("shown", 5, sample_every=2))
    published = text(outputs, "stdout").split("\n\n")
    assert [lines.partition("\n")[0] for lines in published] == [
        "Iter: 0",
        "Iter: 2",
        "Iter: 4",
        "",
    ]
    said = text(outputs, "stderr")
    assert "5/5" in said or "4/5" in said, "a bar"
    assert "ensorflow" not in said.replace("TensorFlow sees", "")
    shown = [o["data"]["text/html"] for o in outputs if o["type"] == "display_data"]
    assert [page.count("data:image/png;base64,") for page in shown] == [2]


def test_a_run_is_shown_as_its_picture_and_its_losses(kernel):
    kernel.run(train("shown", 5, sample_every=2))
    (shown,) = kernel.run("run")
    assert shown["data"]["text/html"].count("data:image/png;base64,") == 2
    (losses,) = kernel.run(
        "rows = run.losses\n"
        "print(rows.iteration.tolist(), rows['d_loss'].dtype, list(run.pictures()), run.quality)"
    )
    assert losses["text"] == "[0, 1, 2, 3, 4] float64 [0, 2, 4] []\n"


def test_an_export_is_quiet_too(kernel):
    kernel.run(train("shown", 5, sample_every=2))
    outputs = kernel.run("vanilla_gan.export('shown', 'exported')")
    assert "INFO" not in text(outputs, "stdout") + text(outputs, "stderr")


def test_interrupts_stop_the_run_with_its_state_saved_and_leave_the_kernel_as_it_was(kernel):
    def interrupt(output: dict[str, Any]) -> None:
        if "Iter: 20" in output.get("text", ""):
            # As somebody might for whom the first one takes too long.
            for _ in range(3):
                kernel.manager.interrupt_kernel()

    code = train("stopped", 10**7, sample_every=10)
    guarded = f"try:\n    {code}\nexcept vanilla_gan.VanillaGanError:\n    print('went on')"
    outputs = kernel.run(guarded, interrupt)
    errors = [(o["ename"], o["evalue"]) for o in outputs if o["type"] == "error"]
    assert [name for name, _ in errors] == ["KeyboardInterrupt"]
    assert "saved" in errors[0][1]
    assert kernel.manager.is_alive()
    (kept,) = kernel.run("print(mine)")
    assert kept["text"] == "7\n"
    # The run has more than 5 iterations, so it is not a new one.
    kernel.run(train("stopped", 5))
    (where,) = kernel.run("print(run.iterations > 20, len(run.losses) == run.iterations)")
    assert where["text"] == "True True\n"


def test_all_that_the_package_offers_is_there(kernel):
    (found,) = kernel.run("print(all(hasattr(vanilla_gan, name) for name in vanilla_gan.__all__))")
    assert found["text"] == "True\n"
    assert vanilla_gan.Observer is not None


# --- The notebooks of docs/notebooks.

# Replacements that make the cells' work smaller; each text must occur in the notebook.
SMALLER = {
    "the_post.ipynb": {
        '"mnist", "data", random_stream': '"mnist", DATA, random_stream, allow_unverified=True',
        "range(2001)": "range(3)",
        "it % 1000": "it % 2",
        "(128)": "(11)",
        'dataset="mnist", iters=10_001': "**settings | {'h_dim': 128, 'seed': 1}, iters=3",
        "seed=1, out": "out",
    },
    "collapse_and_its_cure.ipynb": {
        'dataset="mnist"': "**settings | {'seed': 1}, health_every=1",
        "seed=1, ": "",
        "seed=1,\n": "",
        "iters=2001": "iters=5",
        "iters=4001": "iters=7",
        "sample_every=500": "sample_every=2",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLER)
def test_a_notebook_runs_from_its_first_cell_to_its_last(kernel, offline_data_dir, name):
    book = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    whole = "\n".join(cells)
    assert {text for text in SMALLER[name] if text not in whole} == set()
    kernel.run(f"DATA = {str(offline_data_dir)!r}")
    shown = set()
    for cell in cells:
        for text, smaller in SMALLER[name].items():
            cell = cell.replace(text, smaller)
        outputs = kernel.run(cell)
        assert [o["evalue"] for o in outputs if o["type"] == "error"] == []
        shown |= {kind for o in outputs for kind in o.get("data", {})}
    assert {"image/png", "text/html"} <= shown


def test_every_notebook_is_run_and_has_pictures():
    """Readers who do not run them see what the cells show."""
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == SMALLER.keys()
    for path in NOTEBOOKS.glob("*.ipynb"):
        book = json.loads(path.read_text(encoding="utf-8"))
        kinds = {
            kind
            for cell in book["cells"]
            for o in cell.get("outputs", ())
            for kind in o.get("data", {})
        }
        assert "image/png" in kinds
        assert path.stat().st_size < 1_000_000
