"""A show: a source, effects and places to be seen, kept together while everything can be turned."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from melies.engine.live import Live
from melies.errors import MediaError, MeliesError, UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import fit
from melies.live.camera import CLOSEST
from melies.live.clock import TICK, Clock
from melies.live.desk import Desk, Lineup
from melies.live.ears import Ears
from melies.live.feed import FIRST_PAUSE, LONGEST_PAUSE, Feed
from melies.live.house import House
from melies.live.keys import check_command, help_text
from melies.live.numbers import Numbers, write_on
from melies.live.sinks import Recorder, Sink, opaque
from melies.live.sources import SIZE, Source
from melies.live.window import Window

if TYPE_CHECKING:
    from melies.effect import Effect
    from melies.media.output import SaveOptions

log = logging.getLogger("melies")
cv: Any = cv2

EVERY = 0.25
"""Seconds between two looks at how things stand."""

PATIENCE = 2.0
"""Seconds for which the last picture stays when no new one comes; then the picture of the house is shown."""

_SETTING = re.compile(r"([\w-]+\.[\w-]+)\s*[=\s]\s*(.+)")

STUCK = 60.0
"""Seconds without a picture, and without a reason known, after which a show counts as hung."""


class Show:
    """Runs until it is told to stop. Used as a context, it closes its places in the end.

    Args:
        source: Where pictures come from.
        desk: The effects and how they are set.
        sinks: Where results go; more can be added.
        clock: The time.
        tireless: Go on whatever fails, as an installation must: effects begin again, a camera is waited for.
        seconds: How long it lasts; for ever if None.
        asleep: Says whether it is to rest now: nothing is read, and all places are dark.
        house: What is shown while there is no result; dark, with a word on it, if None.
        recordings: Where `record` writes to.
        saving: How it writes.
        say: Takes what people should know.

    Attributes:
        numbers: What is measured.
    """

    def __init__(
        self,
        source: Source,
        desk: Desk,
        sinks: Sequence[Sink] = (),
        *,
        clock: Clock | None = None,
        tireless: bool = False,
        seconds: float | None = None,
        asleep: Callable[[], bool] = lambda: False,
        house: Image | None = None,
        recordings: Path = Path(),
        saving: SaveOptions | None = None,
        say: Callable[[str], None] = log.info,
    ) -> None:
        self.numbers = Numbers()
        self.desk = desk
        self.overlay = 0.0
        self.numbers_shown = False
        self.ticking: list[Callable[[], None]] = []
        """Called a few times a second."""
        self.greetings: list[str] = []
        """What people should know when it begins: that is said once it is sure that it can, at once if tireless."""
        self._stop = threading.Event()
        self._clock = clock or Clock()
        self._sinks = list(sinks)
        self._tireless, self._seconds, self._asleep, self._house = tireless, seconds, asleep, House(house)
        self._recordings, self._saving, self._say = recordings, saving, say
        self._recorder: Recorder | None = None
        self._switching = threading.Lock()
        self._warming = False
        self._warm = threading.Event()
        self._error: BaseException | None = None
        self._failing_since: float | None = None
        self._live: Live | None = None
        self._spec: VideoSpec | None = None
        self._rate = source.rate
        self.ears = Ears(source.rate, self._clock.now)
        self.feed = Feed(source, self._push, self._clock, self._stop, patient=tireless, asleep=asleep)
        desk.on_restart = self._restart

    # from outside

    def __enter__(self) -> Show:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.stop()
        self.ears.close()
        failures = []
        for sink in self._all():
            try:
                sink.close()
            except MeliesError as failure:  # The others are to be closed as well.
                if sink is self._recorder and self._recorder.empty:
                    log.warning("%s", failure)
                else:
                    failures.append(failure)
        if failures and error is None:
            raise failures[0]

    def add(self, sink: Sink) -> None:
        """Show results in one more place; the first one is where latency is measured."""
        self._sinks.append(sink)

    def run(self) -> None:
        """Play until the end; called by the main thread, which windows belong to.

        Raises:
            MeliesError: Something failed, and the show is not tireless.
        """
        if self._tireless:
            self._greet()
        threads = [
            threading.Thread(target=copy_context().run, args=(target,), name=f"melies {name}", daemon=True)
            for name, target in (("camera", self.feed.run), ("effects", self._work))
        ]
        for thread in threads:
            thread.start()
        try:
            window = next((sink for sink in self._sinks if isinstance(sink, Window)), None)
            if window is not None:
                window.run(self._stop, self._tick, EVERY)
            else:
                while not self._stop.is_set():
                    self._tick()
                    self._clock.wait(self._stop, EVERY)
        finally:
            self.stop()
            # A camera that hangs in its driver cannot be asked to stop.
            for thread in threads:
                thread.join(timeout=5)
        error = self._error or self.feed.error
        if error is not None:
            raise error

    def stop(self) -> None:
        """End the show; from any thread."""
        self._stop.set()
        self._restart()

    def do(self, words: str) -> str:
        """Carry out a command or set a field: `calibrate`, `choice 3`, `puppet.driving_multiplier 1.5`; any thread.

        Returns:
            What to tell the person, if anything.

        Raises:
            UseError: Nothing is called so, or a value is not allowed.
        """
        setting = _SETTING.fullmatch(words.strip())
        if setting is not None:
            self.set(setting[1], setting[2])
            return ""
        name, _, rest = words.strip().partition(" ")
        if "." in name:
            self.desk.find(name)
            raise UseError(f"{name} needs a value.", f"Write {name} VALUE.")
        check_command(words)
        if name == "help":
            return help_text()
        if name == "choice":
            self.desk.pick(int(rest))
            self.note_effects()
        else:
            getattr(self, f"_do_{name}")()
        return ""

    def ask(self, words: str) -> None:
        """Do the same for a person at the keys: answer, and complain, in words."""
        try:
            answer = self.do(words)
        except UseError as error:
            answer = str(error)
        except MeliesError as error:  # The request failed, and the show goes on.
            log.warning("%s", error)
            return
        if answer:
            self._say(answer)

    def set(self, address: str, value: Any) -> None:
        """Set a field of an effect.

        Raises:
            UseError: There is none, or it does not take the value.
        """
        self.desk.set(address, value)
        self.note_effects()

    def note_effects(self) -> None:
        """Let recordings know what is done to faces now."""
        if self._spec is not None:
            lineup = self.desk.lineup
            for sink in self._all():
                if isinstance(sink, Recorder):
                    sink.begin(lineup.specs[-1], lineup.effects[1:])

    @property
    def healthy(self) -> bool:
        """Whether pictures come, or it is known why not."""
        known = self._asleep() or self.feed.lost_since is not None or self._failing_since is not None
        return known or self._clock.now() - (self.numbers.last_shown or 0.0) < STUCK

    # commands

    def _do_calibrate(self) -> None:
        self.desk.refer("first")
        self.feed.begin_shot()

    def _do_reference(self) -> None:
        if not self.desk.refer("auto"):
            log.warning("No effect on this stage looks for a face at rest.")
        self.feed.begin_shot()

    def _do_fainter(self) -> None:
        self.overlay = max(0.0, round(self.overlay - 0.1, 2))

    def _do_stronger(self) -> None:
        self.overlay = min(1.0, round(self.overlay + 0.1, 2))

    def _do_next(self) -> None:
        self.desk.go_round(1)
        self.note_effects()

    def _do_previous(self) -> None:
        self.desk.go_round(-1)
        self.note_effects()

    def _do_mirror(self) -> None:
        self.desk.set("camera.mirror", not self.desk.camera.mirror)

    def _do_closer(self) -> None:
        self.desk.set("camera.zoom", min(CLOSEST, self.desk.camera.zoom * 1.1))

    def _do_wider(self) -> None:
        self.desk.set("camera.zoom", max(1.0, self.desk.camera.zoom / 1.1))

    def _do_numbers(self) -> None:
        self.numbers_shown = not self.numbers_shown

    def _do_quit(self) -> None:
        self.stop()

    def _do_record(self) -> None:
        from melies.media.output import SaveOptions

        with self._switching:
            recorder, self._recorder = self._recorder, None
            if recorder is None and self._spec is not None:
                path = self._recordings / f"melies-{datetime.now():%Y%m%d-%H%M%S}.mp4"
                recorder = Recorder(path, self._saving or SaveOptions(preset="veryfast"))
                recorder.begin(self.desk.lineup.specs[-1], self.desk.lineup.effects[1:])
                self._recorder = recorder
                self._say(f"Recording to {path}; the same key ends it.")
                return
        if recorder is not None:
            recorder.close()
            self._say(f"{recorder.path} is finished.")

    # from the camera to the places

    def _push(self, frame: Frame) -> None:
        if not self._warm.is_set():
            # The first picture, from which the show begins; the camera waits until effects are ready.
            self._warm.wait()
            return
        live = self._live
        if live is not None:
            live.push(frame)

    def _restart(self) -> None:
        if self._live is not None:
            self._live.finish()

    def _work(self) -> None:
        """Play one lineup after another until the end."""
        pause = FIRST_PAUSE
        try:
            if not self._first_picture():
                return
            self._warm_up()
            while not self._stop.is_set():
                try:
                    self._play(self.desk.lineup)
                    pause = FIRST_PAUSE
                except Exception as error:
                    # Whatever an effect does, an installation goes on.
                    if self._undone(error):
                        continue
                    if not self._bears(error):
                        raise
                    self._clock.wait(self._stop, pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        except BaseException as error:
            self._error = error
        finally:
            self._stop.set()
            self._warm.set()

    def _first_picture(self) -> bool:
        """Wait for the camera and learn its size; say whether there is anything to play."""
        while not self.feed.arrived.wait(EVERY):
            if self._stop.is_set():
                return False
        if self.feed.latest is None:
            return False
        self._warming = True
        height, width = self.feed.latest.image.shape[:2]
        self._spec = VideoSpec(width, height, self._rate, TICK, variable=True)
        self.desk.begin(self._spec)
        if not self._tireless:
            self._greet()
        return True

    def _greet(self) -> None:
        for words in self.greetings:
            self._say(words)

    def _warm_up(self) -> None:
        """Have the effects load what they need, with the first picture; then the show begins, and its time."""
        assert self._spec is not None
        assert self.feed.latest is not None
        with suppress(Exception):  # It fails again when the show begins, and is dealt with there.
            now = self._as_heard(self.desk.lineup)
            live = Live(self._spec, self.desk.lineup.effects, waiting=1, find_shots=False, now=now)
            live.push(self.feed.latest)
            live.finish()
            next(iter(live), None)
            live.close()
        self._clock.restart()
        self.feed.begin()
        self.numbers.last_shown = self._clock.now()
        self._warming = False
        self._warm.set()

    def _play(self, lineup: Lineup) -> None:
        assert self._spec is not None
        live = Live(self._spec, lineup.effects, waiting=1, find_shots=False, now=self._as_heard(lineup))
        if self.feed.latest is not None:
            live.push(self.feed.latest)
        self._live = live
        if self._stop.is_set() or self.desk.lineup is not lineup:
            live.finish()
        before = self.numbers.dropped
        try:
            for sink in self._all():
                sink.begin(lineup.specs[-1], lineup.effects[1:])
            tried = self.desk.asked
            for frame in live:
                self._failing_since = None
                self.desk.worked(tried)
                self._present(frame, counts=not live.flushing)
                self.numbers.dropped = before + live.dropped
                tried = self.desk.asked
        finally:
            live.close()

    def _as_heard(self, lineup: Lineup) -> Callable[[int], Effect]:
        """Return what says how an effect is set at this moment, by the desk and by what is heard."""
        return lambda index: self.ears.set(index, lineup.now(index))

    def _undone(self, error: Exception) -> bool:
        """Go back to the settings that last worked, if others were tried; say whether that was so."""
        back = self.desk.go_back()
        if back:
            log.warning("That did not work, and is undone: %s", _said(error))
        return back

    def _bears(self, error: Exception) -> bool:
        """Note a failure; say whether the show goes on."""
        self.numbers.failures += 1
        # A request that never made sense is not made better by asking again.
        if not self._tireless or (isinstance(error, UseError) and not self.numbers.shown):
            return False
        if self._failing_since is None:
            self._failing_since = self._clock.now()
        log.warning("An effect failed and begins again (failure %d): %s", self.numbers.failures, _said(error))
        return True

    def _present(self, frame: Frame, *, counts: bool) -> None:
        """Show a result everywhere; it counts unless it was held back until the end."""
        if self._asleep():
            return
        laid_over: Frame | None = None
        for index, sink in enumerate(self._all()):
            if sink.preview and laid_over is None:
                laid_over = self._laid_over(frame)
            given = laid_over if sink.preview and laid_over is not None else frame
            try:
                sink.show(given, self._seen(frame) if counts and index == 0 else _nothing)
            except MediaError as error:
                self._give_up(sink, error)

    def _give_up(self, sink: Sink, error: MediaError) -> None:
        """Go on without a place that fails, such as a full disk, if that was only a recording or all must go on."""
        with self._switching:
            if sink is self._recorder:
                self._recorder = None
            elif self._tireless and len(self._sinks) > 1:
                self._sinks.remove(sink)
            else:
                raise error
        log.warning("%s", error)
        with suppress(MeliesError):  # which was said just now
            sink.close()

    def _seen(self, frame: Frame) -> Callable[[], None]:
        def seen() -> None:
            self.numbers.saw(frame.time, self._clock.now())

        return seen

    def _all(self) -> list[Sink]:
        with self._switching:
            return [*self._sinks, *([self._recorder] if self._recorder else [])]

    def _laid_over(self, frame: Frame) -> Frame:
        """Lay the camera's picture and the figures over a result, for the performer's eyes."""
        if not self.overlay and not self.numbers_shown:
            return frame
        image = opaque(frame.image)
        if self.overlay and self.feed.latest is not None and self._spec is not None:
            height, width = image.shape[:2]
            own = fit(self.desk.camera.seen(self.feed.latest.image, self._spec), width, height, "contain")
            image = cv.addWeighted(own, self.overlay, image, 1 - self.overlay, 0)
        if self.numbers_shown:
            image = write_on(image, self.numbers.lines())
        return frame.with_image(image)

    # keeping an eye on things

    def _tick(self) -> None:
        if self._seconds is not None and not self._warming and self._clock.now() >= self._seconds:
            self.stop()
        since = min((at for at in (self.feed.lost_since, self._failing_since) if at is not None), default=None)
        if since is None and self.feed.latest is None and self.feed.error is None:
            since = 0.0
        now = self._clock.now()
        away = self._warming or (since is not None and now - since >= PATIENCE)
        size = (self._spec.width, self._spec.height) if self._spec is not None else SIZE
        image = self._house.rests(now) if self._asleep() else self._house.waits(away, size)
        if image is not None:
            for sink in self._all():
                sink.hold(image)
        for call in self.ticking:
            call()


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, MeliesError) else f"{type(error).__name__}: {error}"


def _nothing() -> None:
    """Nobody asks."""
