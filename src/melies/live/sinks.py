"""Where a show goes: what every place has in common, a virtual camera, and a recording."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import PrivateAttr

from melies.effect import Effect, Scope
from melies.errors import MediaError, UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import fit, to_depth
from melies.media.encode import over_black

if TYPE_CHECKING:
    from melies.media.output import SaveOptions

log = logging.getLogger("melies")

Seen = Callable[[], None]


class Sink:
    """A place where results go; `show` may be called from another thread than the rest."""

    preview: ClassVar[bool] = False
    """Whether only the performer sees it, so that numbers and the camera's picture may be laid over."""

    def begin(self, spec: VideoSpec, effects: Sequence[Effect]) -> None:
        """Say what comes; again when effects change the size of pictures."""

    def show(self, frame: Frame, seen: Seen) -> None:
        """Show a result, and call `seen` when it is there."""
        raise NotImplementedError

    def hold(self, image: Image) -> None:
        """Show a picture of the house while there is no result."""

    def close(self) -> None:
        """Free everything; what is being written is finished."""


def opaque(image: Image) -> Image:
    """Return a picture as screens want it: 8-bit RGB, transparent parts black."""
    if image.dtype != np.uint8:
        image = to_depth(image, np.dtype(np.uint8))
    return np.ascontiguousarray(over_black(image) if image.shape[2] == 4 else image)


class VirtualCamera(Sink):
    """A camera that other programs can open: v4l2loopback on Linux, OBS elsewhere; through pyvirtualcam.

    Raises:
        UseError: pyvirtualcam is not installed.
    """

    def __init__(self) -> None:
        try:
            import pyvirtualcam
        except ImportError:
            raise UseError("The virtual camera needs pyvirtualcam.", "Install it: pip install 'melies[live]'") from None
        self._open: Any = pyvirtualcam.Camera
        self._camera: Any = None
        self._lock = threading.Lock()

    def begin(self, spec: VideoSpec, effects: Sequence[Effect]) -> None:
        """Open the device; its size stays.

        Raises:
            UseError: There is no such device.
        """
        if self._camera is None:
            # Most programs refuse odd sizes.
            width, height = spec.width // 2 * 2, spec.height // 2 * 2
            try:
                self._camera = self._open(width=width, height=height, fps=float(spec.rate))
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[0].rstrip(".")
                raise UseError(
                    f"No virtual camera can be opened: {reason}.",
                    "Linux: sudo modprobe v4l2loopback exclusive_caps=1. Windows and macOS: install OBS, start its "
                    "virtual camera once.",
                ) from None
            log.info("The virtual camera is %s.", self._camera.device)

    def show(self, frame: Frame, seen: Seen) -> None:
        """Send a picture."""
        self.hold(frame.image)
        seen()

    def hold(self, image: Image) -> None:
        """Send a picture, whatever its size."""
        with self._lock:
            if self._camera is not None:
                self._camera.send(fit(opaque(image), self._camera.width, self._camera.height, "contain"))

    def close(self) -> None:
        """Close the device."""
        with self._lock:
            if self._camera is not None:
                self._camera.close()
                self._camera = None


class Performed(Effect):
    """Stands in a recording for the effects that have been applied already, and says what they did."""

    scope: ClassVar[Scope] = "frame"

    _made: dict[str, None] = PrivateAttr(default_factory=dict)

    @property
    def synthesis(self) -> str | None:
        """What they made of people's faces."""
        return " ".join(self._made) or None

    def note(self, effects: Sequence[Effect]) -> None:
        """Remember what effects say of themselves; settings and effects may change while a recording runs."""
        self._made.update((effect.synthesis, None) for effect in effects if effect.synthesis)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Change nothing."""
        return frames


class Tape:
    """Results on their way to the writer.

    Args:
        spec: What the recording looks like; results of another size are fitted in.
    """

    def __init__(self, spec: VideoSpec) -> None:
        self.spec = spec.replace(variable=True, frames=None, sound=False)
        self.waiting: queue.Queue[Frame | None] = queue.Queue(maxsize=4)

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Yield what comes in until None does, from time zero on, each picture until the next one."""
        frame = self.waiting.get()
        zero = frame.pts if frame is not None else 0
        while frame is not None:
            following = self.waiting.get()
            while following is not None and following.pts <= frame.pts:
                # Effects that began afresh did so with the picture that the others ended with.
                following = self.waiting.get()
            length = frame.duration if following is None else max(1, following.pts - frame.pts)
            yield self._sized(frame).at(frame.pts - zero, length)
            frame = following

    def _sized(self, frame: Frame) -> Frame:
        spec = self.spec
        if frame.image.shape == spec.shape and frame.image.dtype == spec.dtype:
            return frame
        image = to_depth(frame.image, spec.dtype)
        if spec.alpha and image.shape[2] == 3:
            image = np.dstack([image, np.full_like(image[..., :1], spec.white)])
        elif not spec.alpha and image.shape[2] == 4:
            image = over_black(image)
        return frame.with_image(fit(image, spec.width, spec.height, "contain"))


class Recorder(Sink):
    """Writes every result to a file, through the writer that all films go through.

    A slow encoder makes the show slower, which then drops camera pictures; a result is never lost.

    Args:
        path: What to write.
        options: How.
        read: The user's files that the show reads.

    Raises:
        UseError: The file exists or is one of those, or films cannot be written so.
    """

    def __init__(self, path: Path, options: SaveOptions, read: Sequence[Path] = ()) -> None:
        from melies.engine.target import check_target
        from melies.media.output import make_plan

        # What the pictures are like is known later; here it does not matter.
        plan = make_plan(path, VideoSpec(640, 480, Fraction(30), Fraction(1, 30)), options)
        if plan.kind == "sound":
            raise UseError(f"{path.name} holds sound, and a show has pictures.", "Write .mp4, .mkv or .mov.")
        if plan.kind == "pictures" and not plan.many:
            raise UseError(
                f"{path.name} is one picture, and a show has many.",
                f"Write a film such as {path.stem}.mp4, or a sequence such as {path.stem}-%05d{path.suffix}.",
            )
        check_target(read, plan, options.overwrite)
        self.path = path
        self._options = options
        self._performed = Performed()
        self._tape: Tape | None = None
        self._closed = self._any = False
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write, name="melies recorder", daemon=True)

    @property
    def empty(self) -> bool:
        """Whether no picture has come."""
        return not self._any

    def begin(self, spec: VideoSpec, effects: Sequence[Effect]) -> None:
        """Take the size of the first results for all that follow."""
        self._performed.note(effects)
        if self._tape is None:
            self._tape = Tape(spec)
            self._thread.start()

    def show(self, frame: Frame, seen: Seen) -> None:
        """Hand a picture to the encoder, and wait if it is busy; after `close` it is forgotten.

        Raises:
            MediaError: Writing failed.
        """
        with self._lock:
            if not self._closed:
                self._any = True
                self._put(frame)
                if not self._thread.is_alive():
                    raise self._error or MediaError(f"{self.path} is no longer written.")
        seen()

    def close(self) -> None:
        """Finish the file.

        Raises:
            MediaError: Writing failed.
        """
        with self._lock:
            if self._tape is None or self._closed:
                return
            self._closed = True
            self._put(None)
        self._thread.join()
        if self._error is not None and not self._any:
            raise MediaError(f"{self.path} was not written: it ended before its first picture.")
        if self._error is not None:
            raise self._error

    def _put(self, frame: Frame | None) -> None:
        assert self._tape is not None
        while self._thread.is_alive():
            with suppress(queue.Full):
                self._tape.waiting.put(frame, timeout=0.5)
                return

    def _write(self) -> None:
        from melies.clip import Clip

        assert self._tape is not None
        try:
            Clip(self._tape, (self._performed,)).save(self.path, self._options)
        except BaseException as error:
            self._error = error
