"""Runs the command line for a failure, which must end in one line, and for a success."""

from __future__ import annotations

import pytest

from vanilla_gan.cli import main as cli


def failure(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Returns the exit status and the one line that the command ends in.

    The command may print other lines before it.
    """
    status = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    line = err.splitlines()[-1]
    assert [line] == [other for other in err.splitlines() if other.startswith("run.sh: ")], err
    assert line.isprintable()
    return status, line.removeprefix("run.sh: ")


def success(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    """Returns the lines that the command prints on stderr; it prints nothing on stdout."""
    status = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert status == 0, err
    assert out == ""
    return err.splitlines()
