"""Results as motion JPEG over HTTP: for a browser, OBS, VLC. Only this computer sees them unless told otherwise."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import cv2

from melies.effect import Effect
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.live.sinks import Seen, Sink, opaque

log = logging.getLogger("melies")
cv: Any = cv2

HOST, PORT = "127.0.0.1", 8500
MOST = 16
"""Viewers at a time."""
QUALITY = 85

_EDGE = "melies-picture"
_PAGE = b"""<!doctype html><meta charset="utf-8"><title>M\xc3\xa9li\xc3\xa8s</title>
<style>html,body{margin:0;height:100%;background:#000}img{width:100%;height:100%;object-fit:contain}</style>
<img src="/stream.mjpg" alt="">"""


class Stream(Sink):
    """Serves `/` (a page), `/stream.mjpg`, `/picture.jpg` and `/numbers.json`. A slow viewer misses pictures.

    Args:
        host: The address to listen on.
        port: The port; 0 for any that is free.
        numbers: Returns the figures of the show.

    Raises:
        UseError: The address cannot be used.
    """

    preview: ClassVar[bool] = True

    def __init__(self, host: str = HOST, port: int = PORT, numbers: Callable[[], Mapping[str, float]] = dict) -> None:
        self.numbers = numbers
        self.ended = False
        self.viewers = threading.BoundedSemaphore(MOST)
        self._image: Image | None = None
        self._count = 0
        self._jpeg: tuple[int, bytes] = (0, b"")
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        handler = type("Handler", (_Handler,), {"stream": self})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise UseError(
                f"The stream cannot listen on {host}:{port}: {error.strerror}.", "Choose another --port or --host."
            ) from None
        bound = self._server.server_address[1]
        self.hosts = {f"{name}:{bound}" for name in (host, "localhost", "127.0.0.1")} if is_local(host) else set()
        self.address = f"http://{'localhost' if is_local(host) else host}:{bound}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="melies stream")
        self._thread.start()

    def begin(self, spec: VideoSpec, effects: Sequence[Effect]) -> None:
        """Nothing to prepare: every picture has a size of its own."""

    def show(self, frame: Frame, seen: Seen) -> None:
        """Offer a picture to the viewers."""
        self.hold(frame.image)
        seen()

    def hold(self, image: Image) -> None:
        """Offer a picture of the house."""
        with self._changed:
            self._image = image
            self._count += 1
            self._changed.notify_all()

    def picture(self, after: int) -> tuple[int, bytes]:
        """Wait for a picture newer than number `after`; return its number and JPEG, empty when the stream ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self._count > after)
            if self.ended or self._image is None:
                return after, b""
            image, count = self._image, self._count
        with self._encoding:
            # Viewers share one encoding.
            if self._jpeg[0] < count:
                done, data = cv.imencode(".jpg", opaque(image)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
                assert done
                self._jpeg = count, data.tobytes()
            return self._jpeg

    def close(self) -> None:
        """Send everybody home."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def is_local(host: str) -> bool:
    """Whether only this computer can reach an address."""
    return host in ("localhost", "::1") or host.startswith("127.")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer went away, which they may."""
        log.debug("A viewer of the stream went away.", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    stream: Stream
    timeout = 10

    def do_GET(self) -> None:
        """Answer a request."""
        if self.stream.hosts and self.headers.get("Host", "") not in self.stream.hosts:
            # A page elsewhere that made its own name point here.
            self.send_error(403, "This stream is for this computer")
        elif not self.stream.viewers.acquire(blocking=False):
            self.send_error(503, "Too many viewers")
        else:
            try:
                self._answer(self.path.partition("?")[0])
            finally:
                self.stream.viewers.release()

    def _answer(self, path: str) -> None:
        if path == "/":
            self._send("text/html; charset=utf-8", _PAGE)
        elif path == "/numbers.json":
            self._send("application/json", json.dumps(dict(self.stream.numbers())).encode())
        elif path == "/picture.jpg":
            self._send("image/jpeg", self.stream.picture(0)[1])
        elif path == "/stream.mjpg":
            self._follow()
        else:
            self.send_error(404)

    def _send(self, kind: str, body: bytes) -> None:
        self._head(kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _follow(self) -> None:
        self._head(f"multipart/x-mixed-replace; boundary={_EDGE}")
        self.end_headers()
        number, data = self.stream.picture(0)
        while data:
            head = f"--{_EDGE}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")
            number, data = self.stream.picture(number)

    def _head(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests off the terminal."""
        log.debug(format, *args)
