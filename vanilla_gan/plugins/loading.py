"""Runs plug-ins: files that the user gives, and those that a run needs if the user trusts them."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import types
from collections.abc import Iterable

from vanilla_gan.errors import PluginError, UsageError, VanillaGanError
from vanilla_gan.plugins.registry import Plugin, line_in, names_of, running, what_it_says
from vanilla_gan.plugins.trusted import paths_of, remember
from vanilla_gan.say import shown
from vanilla_gan.storage.reading import read_file, reason_of

_MAX_BYTES = 1 << 20

# The plug-ins that this process has run, by SHA-256, with what they registered; and the SHA-256 of
# those that were given, by path.
_loaded: dict[str, tuple[Plugin, list[tuple[str, str]]]] = {}
_given: dict[str, str] = {}
# Whatever is registered while a file runs counts as that file's, so only one may run at a time. The
# lock is reentrant because a file may load another one.
_RUNNING = threading.RLock()


def load_plugin(path: str | os.PathLike[str]) -> None:
    """Runs a Python file that registers losses, penalties or systems, as `--plugin` does.

    From then on, reading a run that was trained with exactly this content loads it by itself.

    Args:
      path: the file; its folder is not searched for modules.

    Raises:
      UsageError: it cannot be read.
      PluginError: it fails, or registers nothing.

    Side effects: runs the file, once in a process, and adds its SHA-256 and path to the user's list
      of trusted plug-ins.
    """
    named = os.fspath(path)
    absolute = os.path.abspath(named)
    try:
        content = read_file(absolute, _MAX_BYTES)
    except OSError as error:
        raise UsageError(
            f"--plugin={named}: {reason_of(error)}; expected a Python file that registers "
            "something, see docs/plugins.md"
        ) from error
    plugin = _run(absolute, content)
    _given[plugin.path] = plugin.sha256
    remember(plugin)


def given() -> list[str]:
    """Returns the paths of the plug-ins that this process was given, absolute."""
    return list(_given)


def check_unchanged() -> None:
    """Checks that the plug-ins that this process was given have not changed.

    Raises:
      PluginError: one has other content, or is gone.
    """
    for path, sha256 in _given.items():
        try:
            now = _sum(read_file(path, _MAX_BYTES))
        except OSError:
            now = ""
        if now != sha256:
            raise PluginError(
                f"{path} has changed since this command began; put the original back and give the "
                "same command again, or train all runs anew with --overwrite"
            )


def require(plugins: Iterable[Plugin], where: str) -> None:
    """Runs the plug-ins that a run or an export was made with, if the user trusts them.

    Only a file that this user has given before, at the same path and with the same content, is run.

    Args:
      plugins: as the record names them; their paths are used only in messages.
      where: the file that names them, for errors.

    Raises:
      PluginError: one is not trusted, missing, or changed; the message says what to give.
    """
    for plugin in plugins:
        if _in_force(plugin.sha256) is not None:
            continue
        said = f"{where}: it needs the plug-in {shown(plugin.path)}, SHA-256 {plugin.sha256}"
        path = _place_of(plugin.sha256)
        if path is not None:
            try:
                content = read_file(path, _MAX_BYTES)
            except OSError as error:
                raise PluginError(
                    f"{said}; you last gave it as {path}, which cannot be read: "
                    f"{reason_of(error)}; put that file back, or give --plugin with its new path"
                ) from error
            if (found := _sum(content)) != plugin.sha256:
                raise PluginError(
                    f"{said}; {path} had that content, but has changed, and its SHA-256 is now "
                    f"{found}; put the original back, or give --plugin with a copy of the original"
                )
            _run(path, content, is_given=False)
            continue
        name = os.path.basename(plugin.path)
        others = [
            f"{path} has the SHA-256 {sha256}"
            for path, sha256 in _given.items()
            if os.path.basename(path) == name
        ]
        if others:
            raise PluginError(f"{said}; {', '.join(others)}; give --plugin with the original file")
        raise PluginError(
            f"{said}; you have not given this plug-in here before, and a plug-in is a program; "
            "read the file, and if you trust it, give --plugin with its path"
        )


def _place_of(sha256: str) -> str | None:
    """Returns the path last given by the user at which a plug-in still has that content.

    If there is none, the path given last; None if the user has never given the plug-in.
    """
    paths = paths_of(sha256)
    for path in paths:
        try:
            content = read_file(path, _MAX_BYTES)
        except OSError:
            continue
        if _sum(content) == sha256:
            return path
    return paths[0] if paths else None


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _run(path: str, content: bytes, *, is_given: bool = True) -> Plugin:
    with _RUNNING:
        return _run_alone(path, content, is_given)


def _run_alone(path: str, content: bytes, is_given: bool) -> Plugin:
    plugin = Plugin(path, _sum(content))
    if (same := _in_force(plugin.sha256)) is not None:
        return same._replace(path=path)
    module = types.ModuleType(f"vanilla_gan_plugin_{plugin.sha256[:16]}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    try:
        with running(plugin, is_given):
            # The bytes that were hashed, not what the file holds by now.
            exec(compile(content, path, "exec", dont_inherit=True), module.__dict__)
    except VanillaGanError as error:
        raise PluginError(f"{line_in(plugin, error)}: {error}") from error
    except (Exception, SystemExit) as error:
        raise PluginError(f"{line_in(plugin, error)}: {what_it_says(error)}") from error
    if not names_of(plugin):
        raise PluginError(
            f"{path} registers nothing; expected it to call register_loss, register_penalty or "
            "register_system"
        )
    _loaded[plugin.sha256] = (plugin, names_of(plugin))
    return plugin


def _in_force(sha256: str) -> Plugin | None:
    """Returns the plug-in with that content if it was run and none of its names was replaced."""
    plugin, names = _loaded.get(sha256, (None, []))
    return plugin if plugin is not None and names_of(plugin) == names else None
