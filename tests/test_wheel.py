"""The wheel holds every file of the package; Dockerfile and citation fit this version."""

from __future__ import annotations

import email
import fnmatch
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import zipfile

from processes import ROOT

from vanilla_gan import __version__


def test_a_wheel_holds_every_file_of_the_package(tmp_path: pathlib.Path) -> None:
    # In a copy, since a build leaves files beside setup.py.
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
    (metadata,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA"))
    about = email.message_from_bytes(zipfile.ZipFile(wheel).read(metadata))
    assert (about["License"], about["Version"]) == ("MIT", __version__)
    assert "Typing :: Typed" in about.get_all("Classifier")
    assert all(" https://" in url for url in about.get_all("Project-URL"))
    assert {"gpu", "onnx", "tensorboard", "test"} == {*about.get_all("Provides-Extra")}


INSTRUCTIONS = {
    *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


def instructions(text: str) -> list[tuple[str, str]]:
    """Returns (instruction, rest) for each instruction of a Dockerfile."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(word, rest) for word, rest in lines]


def test_the_dockerfile_is_complete() -> None:
    path = ROOT / "docs" / "docker" / "Dockerfile"
    found = instructions(path.read_text("utf-8"))
    words = [word for word, _ in found]
    assert set(words) <= INSTRUCTIONS
    # One stage, based on a fixed version.
    assert (words[0], words.count("FROM")) == ("FROM", 1)
    assert re.fullmatch(r"python:3\.\d+\.\d+-\S+", found[0][1])
    # What it copies exists, is not ignored, and includes all that setup.py reads.
    ignore = path.with_name("Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert next(line for line in ignore if not line.startswith("#")) == "*"
    copied = [name for word, rest in found if word == "COPY" for name in shlex.split(rest)[:-1]]
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(fnmatch.fnmatch(name, line[1:]) for line in ignore if line[0] == "!"), name
    assert {"setup.py", "pyproject.toml", "README.md", "LICENSE", "vanilla_gan"} <= {*copied}
    (install,) = (rest for word, rest in found if word == "RUN" and "pip install" in rest)
    assert "-c constraints.txt" in install
    # It does not run as root, and starts the program that setup.py installs.
    last_user = [rest for word, rest in found if word == "USER"][-1]
    assert f" {last_user}" in " ".join(rest for word, rest in found if word == "RUN")
    assert words.index("USER") > max(n for n, word in enumerate(words) if word == "RUN")
    (entry,) = (json.loads(rest) for word, rest in found if word == "ENTRYPOINT")
    assert f'"{entry[0]} = vanilla_gan' in (ROOT / "setup.py").read_text("utf-8")
    assert json.loads(dict(found)["CMD"]) == ["--help"]


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "docs" / "CITATION.cff").read_text("utf-8")
    top = dict(re.findall(r"^([a-z-]+): *(.*)$", text, re.MULTILINE))
    assert {"cff-version", "message", "title", "authors", "license"} <= top.keys()
    assert top["version"] == f'"{__version__}"'
    assert not re.search(r"\t", text)
