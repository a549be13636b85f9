"""One attempt to receive one file over HTTP, bounded in time and in bytes."""

from __future__ import annotations

import contextlib
import functools
import http
import http.client
import io
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

_CHUNK_SIZE = 1 << 16
_LONGEST_REASON = 200

# Called with the address and the number of bytes to come (None if the server does not say).
# Returns a context manager; what it yields is called with the number of bytes of each chunk.
Progress = Callable[[str, "int | None"], AbstractContextManager[Callable[[int], object]]]


class TransferError(Exception):
    """An attempt failed; `str(error)` is the reason.

    Attributes:
      transient: whether the same address may work if it is tried again soon.
    """

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        """Makes the error; the reason becomes one printable line of bounded length."""
        # A reason may quote a server, and its control characters must not reach a terminal.
        printable = "".join(c if c.isprintable() else " " for c in reason)
        super().__init__(" ".join(printable.split())[:_LONGEST_REASON])
        self.transient = transient


def receive(
    url: str,
    stream: BinaryIO,
    *,
    max_bytes: int,
    timeout_s: float = 30.0,
    slowest_bytes_per_s: float = 10_000.0,
    progress: Progress,
) -> None:
    """Writes the response from `url` to `stream`; follows redirects and honours `http(s)_proxy`.

    Once the server's name is resolved, the whole attempt ends after at most
    `timeout_s + max_bytes / slowest_bytes_per_s` seconds, whatever the server does. Only connecting
    can take longer, if a name has several addresses: each is tried for up to `timeout_s`.

    Args:
      url: an http or https address.
      stream: where the bytes go; after an error it holds a part of them.
      max_bytes: the largest body that is accepted.
      timeout_s: limit for connecting, for each wait, and for the response's header, in seconds.
      slowest_bytes_per_s: how slow the body may be on average, after the first `timeout_s`.
      progress: notified of the bytes as they arrive.

    Raises:
      TransferError: the server is not reached, refuses, stalls, is too slow, or sends too little or
        too much.
      OSError: only if `stream` could not be written.
    """
    deadline = Deadline(timeout_s, slowest_bytes_per_s)
    request = urllib.request.Request(url, headers={"User-Agent": "vanilla_gan"})
    with _network_errors(deadline):
        response = _opener(deadline).open(request, timeout=timeout_s)
    with response:
        expected: int | None = response.length
        if expected is not None and expected > max_bytes:
            raise TransferError(f"too long: it announces {expected} bytes, more than {max_bytes}")
        received = 0
        with progress(url, expected) as advance:
            while True:
                with _network_errors(deadline):
                    chunk = response.read1(_CHUNK_SIZE)
                if not chunk:
                    break
                received += len(chunk)
                if received > max_bytes:
                    raise TransferError(f"too long: it sends more than {max_bytes} bytes")
                deadline.extend(len(chunk))
                stream.write(chunk)
                advance(len(chunk))
        if expected is not None and received < expected:
            raise TransferError(f"short: {received} of {expected} bytes came", transient=True)


class Deadline:
    """The time limit of an attempt, which is extended with each byte of the body that arrives."""

    def __init__(
        self,
        timeout_s: float,
        slowest_bytes_per_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the attempt now, by `clock`, in seconds."""
        self.timeout_s = timeout_s
        self.slowest_bytes_per_s = slowest_bytes_per_s
        self._clock = clock
        self._end_s = clock() + timeout_s

    def extend(self, received_bytes: int) -> None:
        """Adds the time that the slowest acceptable server needs for that many bytes."""
        self._end_s += received_bytes / self.slowest_bytes_per_s

    def wait_s(self) -> float:
        """Returns how long the next wait may be, in seconds.

        Raises:
          TimeoutError: the deadline has passed.
        """
        left_s = self._end_s - self._clock()
        if left_s <= 0:
            raise TimeoutError
        return min(left_s, self.timeout_s)


class _TimedReader(io.RawIOBase):
    """Reads the bytes of a socket; the deadline bounds each wait.

    A socket's own timeout starts again with each byte, so that a server could keep the program
    waiting for ever by sending a header or a body byte by byte.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.wait_s())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """A response that is read through a `_TimedReader`."""

    def __init__(self, sock: socket.socket, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, deadline))


def _opener(deadline: Deadline) -> urllib.request.OpenerDirector:
    """Returns an opener for http and https only: a redirect cannot lead to a file or to ftp."""

    def connect_with(kind: type[http.client.HTTPConnection]) -> Any:
        def connection(host: str, **kwargs: Any) -> http.client.HTTPConnection:
            made = kind(host, **{**kwargs, "timeout": deadline.wait_s()})
            made.response_class = functools.partial(  # type: ignore[assignment]
                _TimedResponse, deadline=deadline
            )
            return made

        return connection

    class TimedHTTPHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(connect_with(http.client.HTTPConnection), req)

    class TimedHTTPSHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(connect_with(http.client.HTTPSConnection), req)

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        TimedHTTPHandler(),
        TimedHTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


@contextlib.contextmanager
def _network_errors(deadline: Deadline) -> Iterator[None]:
    """Turns whatever urllib raises into a `TransferError`.

    Most of it is an `OSError`, which `whole_file` would otherwise report as a failed write.
    """
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise TransferError(_status(error.code), transient=500 <= error.code < 600) from error
    except urllib.error.URLError as error:
        # Raised while connecting and sending. A host that does not accept a connection within the
        # time limit is not tried again: behind a firewall that drops packets, each attempt would
        # take the whole limit.
        reason = error.reason
        if isinstance(reason, TimeoutError):
            raise TransferError(f"no connection within {deadline.timeout_s:g} s") from error
        text = (reason.strerror or str(reason)) if isinstance(reason, OSError) else reason
        lost = isinstance(reason, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError))
        raise TransferError(f"cannot connect: {text}", transient=lost) from error
    except TimeoutError as error:
        raise TransferError(
            f"timed out: nothing for {deadline.timeout_s:g} s or less than "
            f"{deadline.slowest_bytes_per_s:g} bytes/s",
            transient=True,
        ) from error
    except ConnectionError as error:
        raise TransferError("the server closed the connection", transient=True) from error
    except http.client.IncompleteRead as error:
        raise TransferError("short: the server stopped within the body", transient=True) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        # ValueError: a redirect to an address that cannot be parsed.
        raise TransferError(f"broken answer: {type(error).__name__}: {error}") from error


def _status(code: int) -> str:
    """Returns the name of an HTTP status, never the server's own words for it."""
    with contextlib.suppress(ValueError):
        return f"HTTP {code} {http.HTTPStatus(code).phrase}"
    return f"HTTP {code}"
