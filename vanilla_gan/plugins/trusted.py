"""Which plug-ins this user has given: the SHA-256 and path of each, in a file of the user's own.

A plug-in is a program. One that is only named by a run is never run. One that the user has given by
`--plugin` or to `load_plugin` is recognised by its content from then on.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Mapping

from vanilla_gan.errors import OutputError
from vanilla_gan.plugins.registry import Plugin
from vanilla_gan.storage.fields import PATH, SHA256, Kind, check_fields, fields, list_of, whole
from vanilla_gan.storage.files import locked_folder
from vanilla_gan.storage.sealed_json import read_sealed, seal
from vanilla_gan.storage.whole import whole_file

FORMAT = 1
_MOST = 1000
_FIELDS: Mapping[str, Kind] = {
    "format": whole(FORMAT, FORMAT),
    "plugins": list_of(fields({"path": PATH, "sha256": SHA256})),
}


def trusted_file() -> pathlib.Path:
    """Returns the path of the list: `plugins.json` in the user's configuration folder."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return pathlib.Path(home, "vanilla_gan", "plugins.json")


def trusted() -> dict[str, str]:
    """Returns the paths of the plug-ins that the user has given, by SHA-256, the oldest first.

    If several copies were given, the path is that of the one given last.
    """
    return {plugin.sha256: plugin.path for plugin in _listed()}


def paths_of(sha256: str) -> list[str]:
    """Returns the paths at which the user has given a plug-in with that content, latest first."""
    return [plugin.path for plugin in reversed(_listed()) if plugin.sha256 == sha256]


def _listed() -> list[Plugin]:
    """Returns the plug-ins that the user has given, the oldest first.

    A list that is damaged, or that others may write to, counts as empty.
    """
    path = trusted_file()
    try:
        for place in (path.parent, path):
            status = place.stat()
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return []
        content = read_sealed(path)
        check_fields(content, _FIELDS)
    except (OSError, ValueError):
        return []
    return [Plugin(**entry) for entry in content["plugins"]]


def remember(plugin: Plugin) -> None:
    """Adds a plug-in that the user has given; does nothing if the list cannot be written.

    In that case the user has to give the plug-in each time.
    """
    if trusted().get(plugin.sha256) == plugin.path:
        return
    path = trusted_file()
    with contextlib.suppress(OSError, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # With a lax umask, the user's group could write there.
        path.parent.chmod(0o700)
        with locked_folder(path.parent, path):
            found = [*(other for other in _listed() if other != plugin), plugin]
            entries = [each._asdict() for each in found]
            with whole_file(path) as stream:
                # Before the file gets its name, because one that others may write to is ignored.
                os.fchmod(stream.fileno(), 0o600)
                stream.write(seal({"format": FORMAT, "plugins": entries[-_MOST:]}))
