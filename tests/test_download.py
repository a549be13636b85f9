"""Tests of downloading, against a real server on this host that misbehaves in every known way."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import urllib.parse

import numpy as np
import pytest
from processes import limited_files, peak_memory
from test_progress import terminal

from vanilla_gan.data.download.download import fetch
from vanilla_gan.data.download.transfer import Deadline
from vanilla_gan.errors import DownloadError

NAME = "train-images-idx3-ubyte"
CONTENT = np.random.RandomState(7).bytes(3001)
PACKED = gzip.compress(CONTENT)
# 3 MB of zeros, packed into so few bytes that the size limit accepts them.
BOMB = gzip.compress(CONTENT + bytes(3 << 20))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """Answers `/BEHAVIOUR/NAME.gz` with the method `BEHAVIOUR`."""

    server: Server

    def do_GET(self):
        behaviour = urllib.parse.urlsplit(self.path).path.split("/")[1]
        with self.server.lock:
            self.server.requests.append(self.path)
        # The client may close the connection in response, which is no failure of the server.
        with contextlib.suppress(OSError):
            getattr(self, behaviour)()

    def log_message(self, *_):
        pass

    def answer(self, body=b"", *, status=200, length=None, **headers):
        self.send_response(status)
        if length is not False:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self):
        self.answer(PACKED)

    def without_length(self):
        self.answer(PACKED, length=False)

    def absent(self):
        self.answer(b"no such file", status=404)

    def forbidden(self):
        self.answer(status=403)

    def broken(self):
        self.answer(status=500)

    def overloaded_twice(self):
        self.answer(status=503) if len(self.server.requests) < 3 else self.good()

    def short_once(self):
        self.short() if len(self.server.requests) < 2 else self.good()

    def unknown_status(self):
        self.wfile.write(b"HTTP/1.1 299 \x1b[31mred\r\nContent-Length: 0\r\n\r\n")

    def hang(self):
        self.server.released.wait()

    def hang_in_body(self):
        self.answer(PACKED[:100], length=len(PACKED))
        self.server.released.wait()

    def drip(self):
        self.answer(length=len(PACKED))
        self.drip_bytes(PACKED)

    def drip_header(self):
        self.drip_bytes(b"HTTP/1.1 200 OK\r\nX-Long: " + bytes(3000))

    def drip_bytes(self, content):
        # The pace is the misbehaviour: each byte comes well within the time limit.
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.server.released.wait(0.02):
                break

    def short(self):
        self.answer(PACKED[:1000], length=len(PACKED))

    def short_without_length(self):
        self.answer(PACKED[:1000], length=False)

    def short_chunked(self):
        self.protocol_version = "HTTP/1.1"
        self.answer(b"400\r\n" + PACKED[:100], length=False, Transfer_Encoding="chunked")

    def reset(self):
        # With a linger time of 0 seconds, closing resets the connection.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def says_nothing(self):
        pass

    def wrong_sum(self):
        self.answer(gzip.compress(CONTENT[::-1]))

    def too_few(self):
        self.answer(gzip.compress(CONTENT[:-1]))

    def too_many(self):
        self.answer(gzip.compress(CONTENT + b"!"))

    def bomb(self):
        self.answer(BOMB)

    def html(self):
        self.answer(b"<!DOCTYPE html><title>Sign in to this hotel's network</title>")

    def empty(self):
        self.answer()

    def damaged(self):
        self.answer(PACKED[:-8] + bytes(8))

    def endless(self):
        self.answer(length=False)
        while not self.server.released.is_set():
            self.wfile.write(bytes(1 << 16))

    def announces_much(self):
        self.answer(b"\x1f\x8b", length=10**15)

    def no_http(self):
        self.wfile.write(b"220 mail.example.org ESMTP\x07\r\n")

    def endless_header(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.released.is_set():
            self.wfile.write(b"X: y\r\n" * 1000)

    def redirect(self):
        self.answer(status=302, Location=f"/good/{NAME}.gz")

    def redirect_for_ever(self):
        self.answer(status=302, Location=self.path)

    def redirect_to_file(self):
        self.answer(status=302, Location="file:///etc/passwd")

    def redirect_to_ftp(self):
        self.answer(status=302, Location="ftp://127.0.0.1/file")

    def redirect_to_nonsense(self):
        self.answer(status=302, Location="http://[nonsense/")


class Server(http.server.ThreadingHTTPServer):
    """A server that records the paths that it was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Misbehaving)
        self.released = threading.Event()
        self.lock = threading.Lock()
        self.requests = []

    def mirror(self, behaviour):
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/"


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def refused():
    """Returns a mirror at a port that is bound, but does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextlib.contextmanager
def silent(url, total_bytes):
    yield lambda _: None


def download(folder, *mirrors, retries=0, **kwargs):
    return fetch(
        NAME,
        folder,
        mirrors=mirrors,
        sha256=SHA256,
        size=len(CONTENT),
        retries=retries,
        **{"progress": silent, "sleep": lambda _: None, **kwargs},
    )


def failure(folder, *mirrors, **kwargs):
    """Returns the one line that a download ends in; nothing may have been left behind."""
    with pytest.raises(DownloadError) as caught:
        download(folder, *mirrors, **kwargs)
    assert list(folder.iterdir()) == []
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("behaviour", ["good", "without_length", "redirect"])
def test_stores_what_was_sent_under_its_name(tmp_path, server, behaviour):
    folder = tmp_path / "new" / "folder"
    path = download(folder, server.mirror(behaviour))
    assert path == folder / f"{NAME}.gz"
    assert path.read_bytes() == PACKED
    assert list(folder.iterdir()) == [path]
    assert server.requests[0] == f"/{behaviour}/{NAME}.gz"


# What the line calls each misbehaviour, and how often it is tried with two retries.
MISBEHAVIOURS = {
    "absent": ("HTTP 404 Not Found", 1),
    "forbidden": ("HTTP 403 Forbidden", 1),
    "broken": ("HTTP 500 Internal Server Error", 3),
    "unknown_status": ("not a gzip file", 1),
    "short": (f"short: 1000 of {len(PACKED)} bytes", 3),
    "short_without_length": ("short: the gzip stream is cut", 3),
    "short_chunked": ("short: the server stopped within the body", 3),
    "reset": ("the server closed the connection", 3),
    "says_nothing": ("the server closed the connection", 3),
    "wrong_sum": (f"wrong SHA-256: expected {SHA256}", 1),
    "too_few": ("wrong size: expected 3001 decompressed bytes, got 3000", 1),
    "too_many": ("wrong size: expected 3001 decompressed bytes, got 3002 or more", 1),
    "html": ("not a gzip file", 1),
    "empty": ("not a gzip file", 1),
    "damaged": ("a damaged gzip file: CRC check failed", 1),
    "endless": ("too long: it sends more than 7100 bytes", 1),
    "announces_much": ("too long: it announces 1000000000000000 bytes", 1),
    "no_http": ("broken answer: BadStatusLine", 1),
    "endless_header": ("broken answer: HTTPException", 1),
    "redirect_for_ever": ("HTTP 302 Found", 1),
    "redirect_to_file": ("HTTP 302 Found", 1),
    "redirect_to_ftp": ("cannot connect: unknown url type: ftp", 1),
    "redirect_to_nonsense": ("broken answer: ValueError", 1),
}


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_a_failure_moves_on_to_the_next_mirror(tmp_path, server, behaviour):
    path = download(tmp_path, server.mirror(behaviour), server.mirror("good"))
    assert path.read_bytes() == PACKED
    assert server.requests[-1] == f"/good/{NAME}.gz"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("behaviour", "expected"), MISBEHAVIOURS.items())
def test_a_failure_is_named_and_retried_only_if_that_may_help(
    tmp_path, server, behaviour, expected
):
    reason, tries = expected
    line = failure(tmp_path, server.mirror(behaviour), retries=2)
    said = f"{server.mirror(behaviour)}{NAME}.gz: {reason}"
    assert said in line
    assert ("(3 attempts)" in line) == (tries == 3)
    asked = [path for path in server.requests if path.startswith(f"/{behaviour}/")]
    # urllib itself follows a redirect to the same address a few times.
    assert behaviour == "redirect_for_ever" or len(asked) == tries


@pytest.mark.parametrize("behaviour", ["hang", "hang_in_body", "drip", "drip_header"])
def test_a_server_that_stalls_is_given_up(tmp_path, server, behaviour):
    line = failure(tmp_path, server.mirror(behaviour), retries=1, timeout_s=0.3)
    assert "timed out: nothing for 0.3 s or less than 10000 bytes/s (2 attempts)" in line


def test_a_stall_moves_on_to_the_next_mirror(tmp_path, server):
    path = download(tmp_path, server.mirror("hang"), server.mirror("good"), timeout_s=1.0)
    assert path.read_bytes() == PACKED


def test_a_slow_server_is_waited_for_if_it_is_not_too_slow(tmp_path, server):
    # 3,000 bytes, 20 ms apart, take far longer than timeout_s: the limit must move on with them.
    # The test stops the download after 40 reads, by which time timeout_s has passed.
    seen = []

    class Outlived(Exception):
        pass

    @contextlib.contextmanager
    def count(url, total_bytes):
        def advance(received):
            seen.append(received)
            if len(seen) == 40:
                raise Outlived

        yield advance

    with pytest.raises(Outlived):
        download(
            tmp_path,
            server.mirror("drip"),
            timeout_s=0.5,
            slowest_bytes_per_s=1.0,
            progress=count,
        )
    assert list(tmp_path.iterdir()) == []


def test_the_deadline_moves_on_with_the_bytes_and_bounds_each_wait():
    now = [100.0]
    deadline = Deadline(timeout_s=30, slowest_bytes_per_s=10, clock=lambda: now[0])
    assert deadline.wait_s() == 30
    now[0] = 125.0
    assert deadline.wait_s() == 5
    deadline.extend(40)
    assert deadline.wait_s() == 9
    # However much has arrived, no wait is longer than timeout_s.
    deadline.extend(4000)
    assert deadline.wait_s() == 30
    now[0] = 100.0 + 30 + 404
    with pytest.raises(TimeoutError):
        deadline.wait_s()


def test_the_last_error_lists_every_mirror_and_says_what_to_do(tmp_path, server, refused):
    mirrors = [refused, server.mirror("absent"), server.mirror("html"), server.mirror("broken")]
    line = failure(tmp_path, *mirrors, retries=1)
    parts = line.split("; ")
    assert parts[0] == (
        f"cannot download {NAME}.gz: {refused}{NAME}.gz: cannot connect: Connection refused"
    )
    assert parts[1] == f"{server.mirror('absent')}{NAME}.gz: HTTP 404 Not Found"
    assert parts[2].startswith(f"{server.mirror('html')}{NAME}.gz: not a gzip file")
    assert parts[3].endswith("HTTP 500 Internal Server Error (2 attempts)")
    assert f"put it at {tmp_path / NAME}.gz" in parts[4]
    assert SHA256 in parts[4]
    assert len(parts) == 5


def test_a_name_that_does_not_resolve(tmp_path):
    # .invalid never resolves (RFC 2606), with or without a network.
    line = failure(tmp_path, "http://mirror.invalid/", retries=2)
    assert "http://mirror.invalid/" in line
    assert "cannot connect" in line
    assert "attempts" not in line


def test_no_mirror_at_all(tmp_path):
    assert "no mirror is known" in failure(tmp_path)


@pytest.mark.parametrize(
    ("behaviour", "pauses"), [("overloaded_twice", [1.0, 2.0]), ("short_once", [1.0])]
)
def test_a_transient_failure_is_retried_after_growing_pauses(tmp_path, server, behaviour, pauses):
    slept = []
    path = download(tmp_path, server.mirror(behaviour), retries=3, sleep=slept.append)
    assert path.read_bytes() == PACKED
    assert slept == pauses


def test_a_gzip_bomb_is_not_inflated(tmp_path, server):
    with peak_memory() as peak:
        line = failure(tmp_path, server.mirror("bomb"))
        assert peak() < 1 << 20
    assert "wrong size: expected 3001 decompressed bytes, got 3002 or more" in line


def test_an_old_file_survives_a_failed_download(tmp_path, server):
    old = tmp_path / f"{NAME}.gz"
    old.write_bytes(b"old")
    with pytest.raises(DownloadError):
        download(tmp_path, server.mirror("wrong_sum"))
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_an_interruption_leaves_nothing(tmp_path, server):
    @contextlib.contextmanager
    def interrupted(url, total_bytes):
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        download(tmp_path, server.mirror("good"), progress=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path, server):
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"cannot store .*taken.*--data_dir"):
        download(tmp_path / "taken" / "mnist", server.mirror("good"))
    assert server.requests == []


def test_a_read_only_folder_is_one_line_before_any_request(
    tmp_path, server, monkeypatch, unprivileged
):
    tmp_path.chmod(0o555)
    monkeypatch.chdir(tmp_path)
    with unprivileged(), pytest.raises(DownloadError) as caught:
        download(".", server.mirror("good"), server.mirror("good"))
    tmp_path.chmod(0o755)
    assert str(caught.value).startswith(f"cannot store {NAME}.gz: Permission denied; ")
    assert server.requests == []


def test_a_full_disk_is_one_line_and_no_other_mirror_is_tried(tmp_path, server):
    with limited_files(1000), pytest.raises(DownloadError) as caught:
        download(tmp_path, server.mirror("good"), server.mirror("good"), retries=2)
    assert "cannot store" in str(caught.value)
    assert "File too large" in str(caught.value)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_honours_http_proxy(tmp_path, server, monkeypatch):
    # The proxy is asked for the whole address, and answers in the mirror's place.
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    path = download(tmp_path, "http://mirror.invalid/good/")
    assert path.read_bytes() == PACKED
    assert server.requests == [f"http://mirror.invalid/good/{NAME}.gz"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_https_with_and_without_a_trusted_certificate(tmp_path, server, monkeypatch):
    key, certificate, folder = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "data"
    command = (
        "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 "
        f"-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    mirror = server.mirror("good").replace("http:", "https:")
    with pytest.raises(DownloadError, match="CERTIFICATE_VERIFY_FAILED"):
        download(folder, mirror)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert download(folder, mirror).read_bytes() == PACKED


def test_without_a_terminal_progress_is_one_plain_line(tmp_path, server, capsys):
    fetch(NAME, tmp_path, mirrors=[server.mirror("good")], sha256=SHA256, size=len(CONTENT))
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"downloading {NAME}.gz from 127.0.0.1:{server.server_port} (0.0 MB)\n"


def test_on_a_terminal_progress_is_a_bar(tmp_path, server):
    with terminal() as read:
        fetch(NAME, tmp_path, mirrors=[server.mirror("good")], sha256=SHA256, size=len(CONTENT))
        sys.stderr.flush()
        shown = read()
    assert f"{NAME}.gz: 100%" in shown
    assert "\r" in shown
