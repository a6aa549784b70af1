"""Downloading over HTTP, against a server on this computer that breaks off, lies and redirects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from melies.errors import ModelError
from melies.models import sources

CONTENT = bytes(range(256)) * 4096


class Server(ThreadingHTTPServer):
    """Serves CONTENT; sends at most `patience` bytes of it per answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.patience = len(CONTENT)
        self.knows_ranges = True
        self.asked: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/model")
            self.end_headers()
            return
        if self.path != "/model":
            self.send_error(404, "Not Found")
            return
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.knows_ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + self.server.patience])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def fetch(server: Server, folder: Path, size: int = len(CONTENT), path: str = "/model") -> Path:
    target = folder / "target"
    told: list[int] = []
    sources.download(
        server.address + path,
        folder / "partial",
        target,
        size,
        lambda done, total, what: told.append(done),
        schemes=("http",),
    )
    assert told[-1] == len(CONTENT)
    return target


def test_a_file_comes_whole(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None]


def test_a_broken_connection_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.patience = 400_000
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=400000-", "bytes=800000-"]


def test_an_interrupted_download_goes_on_the_next_time(server: Server, tmp_path: Path) -> None:
    server.patience = 100_000
    with pytest.raises(ModelError, match="the connection ended after 300000 of 1048576 bytes"):
        fetch(server, tmp_path)
    assert (tmp_path / "partial").stat().st_size == 300_000
    assert not (tmp_path / "target").exists()
    server.patience = len(CONTENT)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=300000-"
    assert not (tmp_path / "partial").exists()


def test_a_server_that_ignores_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "partial").write_bytes(b"x" * 1000)
    server.knows_ranges = False
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_more_bytes_than_there_should_be_are_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="larger than the 1000 bytes"):
        fetch(server, tmp_path, size=1000)
    assert (tmp_path / "partial").stat().st_size == 0


def test_an_error_of_the_server_is_told(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the server answers 404 Not Found"):
        fetch(server, tmp_path, path="/nothing")


def test_only_https_is_spoken(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="only https is allowed"):
        sources.download(f"{server.address}/model", tmp_path / "p", tmp_path / "t", 1, lambda *_: None)
    with pytest.raises(ModelError, match=r"ftp://127\.0\.0\.1/model is refused"):
        fetch(server, tmp_path, path="/moved")


def test_a_server_that_is_not_there_is_told(server: Server, tmp_path: Path) -> None:
    address = server.address
    server.server_close()
    with pytest.raises(ModelError, match=r"refused|Errno"):
        sources.download(f"{address}/model", tmp_path / "p", tmp_path / "t", 1, lambda *_: None, schemes=("http",))
