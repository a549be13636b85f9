"""A wheel of the package holds every file of it: also those that are no Python."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]


def test_a_wheel_holds_every_file_of_the_package(tmp_path: pathlib.Path) -> None:
    # Copied: a build leaves its traces beside setup.py.
    source = tmp_path / "source"
    without = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "vanilla_gan", source / "vanilla_gan", ignore=without)
    for name in ("setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / "vanilla_gan").rglob("*")
        if path.is_file()
    }
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "-w", str(tmp_path), str(source)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("*.whl")
    found = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("vanilla_gan/")}
    assert found == expected
    assert "vanilla_gan/report/assets/uPlot-LICENSE.txt" in found
