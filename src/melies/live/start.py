"""From what the user asked for to a show that runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from melies.clip import files_of
from melies.effect import Effect
from melies.engine.libraries import opencv_keeps_to_its_thread, settle
from melies.errors import UseError
from melies.frame import Image
from melies.live import kiosk
from melies.live.desk import Desk
from melies.live.keys import help_text
from melies.live.options import LiveOptions, find_choices
from melies.live.remote import Mapping, Midi, Osc, Watched, follow_lines
from melies.live.show import Show
from melies.live.sinks import Recorder, Sink, VirtualCamera
from melies.live.sources import Source, find_source
from melies.live.stream import Stream
from melies.live.window import Window
from melies.media.output import SaveOptions
from melies.recipe import Recipe, locate

PLACES = ("window", "virtual-camera", "stream")


@contextmanager
def opened(
    effects: Sequence[Effect],
    options: LiveOptions,
    saving: SaveOptions,
    say: Callable[[str], None],
    *,
    source: Source | None = None,
    locked: bool = False,
    asleep: Callable[[], bool] = lambda: False,
) -> Iterator[Show]:
    """Make a show and open everything around it; its `run` is left to the caller.

    Args:
        effects: What happens to the pictures.
        options: Everything else.
        saving: How films are written.
        say: Takes what people should know.
        source: Where pictures come from, instead of the camera that the options name.
        locked: Let keys in the window do nothing.
        asleep: As for `Show`.

    Raises:
        UseError: Something cannot be opened, or makes no sense.
    """
    settle()
    desk = make_desk(effects, options)
    source = source or find_source(options.camera, options.size, options.rate)
    films = {place: Recorder(Path(place), saving, _read(source, desk, options)) for place in _films(options)}
    show = Show(
        source,
        desk,
        tireless=options.kiosk,
        seconds=kiosk.left(options.seconds),
        asleep=asleep,
        house=_house(options.house_picture),
        recordings=options.recordings,
        saving=saving,
        say=say,
    )
    show.numbers_shown = options.numbers
    mappings = [Mapping.read(text, desk) for text in options.midi]
    with ExitStack() as stack:
        stack.enter_context(opencv_keeps_to_its_thread())
        stack.enter_context(show)
        show.ears.check(desk.asked)
        for place in options.to:
            show.add(films[place] if place in films else _place(place, show, options, locked))
        if options.osc is not None:
            stack.callback(Osc(show, options.osc).close)
        if mappings:
            stack.callback(Midi(show, mappings, options.midi_port).close)
        if options.recipe is not None:
            show.ticking.append(Watched(locate(options.recipe), desk, show.note_effects).look)
        if options.kiosk:
            show.ticking.append(lambda: kiosk.beat(lambda: show.healthy))
            show.ticking.append(kiosk.orphaned(show.stop))
            show.ticking.append(kiosk.hourly(lambda: " · ".join(show.numbers.lines())))
        if _typed_to_us() and not options.kiosk:
            follow_lines(show, sys.stdin)
        show.greetings.append(help_text())
        yield show


def make_desk(effects: Sequence[Effect], options: LiveOptions) -> Desk:
    """Put effects on a desk, set as the options say.

    Raises:
        UseError: Effects are given twice, cannot run live, or choices are for a field that is not there.
    """
    if options.recipe is not None:
        if effects:
            raise UseError("Effects and --recipe are two ways to say what happens.", "Give one of them.")
        effects = Recipe.load(locate(options.recipe)).effects
    desk = Desk(effects, find_choices(options.choices))
    for choice in desk.choices:
        desk.find(choice.address)
    desk.set("camera.mirror", options.mirror)
    desk.set("camera.zoom", options.zoom)
    return desk


def check(options: LiveOptions) -> None:
    """Refuse what cannot go well, before anything is opened or written.

    Raises:
        UseError: A place is named twice or is none, or there is no folder for recordings.
    """
    films = [Path(place).resolve() for place in _films(options)]
    others = [place for place in options.to if place in PLACES]
    twice = next((place for place in (*others, *films) if [*others, *films].count(place) > 1), None)
    if twice is not None:
        raise UseError(f"--to {twice} is given twice.", "Leave one out.")
    if options.log is not None and options.log.resolve() in films:
        raise UseError(f"{options.log} is both --log and --to.", "Give one of them another name.")
    if not options.recordings.is_dir():
        raise UseError(
            f"--recordings {options.recordings}: there is no such folder.", "Create it first, or choose another."
        )


def _films(options: LiveOptions) -> list[str]:
    """Return the places that are films to write."""
    films = [place for place in options.to if place not in PLACES]
    for place in films:
        if not Path(place).suffix:
            raise UseError(f"--to {place}: should be {', '.join(PLACES)}, or a film such as show.mp4.")
    return films


def _read(source: Source, desk: Desk, options: LiveOptions) -> list[Path]:
    """Return the user's files that a show reads."""
    own = [path for path in (options.recipe, options.house_picture) if path is not None]
    return [*source.files, *files_of(desk.asked), *(Path(choice.value) for choice in desk.choices), *own]


def _place(place: str, show: Show, options: LiveOptions, locked: bool) -> Sink:
    if place == "window":
        full = options.kiosk if options.full_screen is None else options.full_screen
        return Window(_ignored if locked else show.ask, full=full)
    if place == "virtual-camera":
        return VirtualCamera()
    stream = Stream(options.host, options.port, show.numbers.plain)
    show.greetings.append(f"The stream is at {stream.address}")
    return stream


def _ignored(words: str) -> None:
    """Somebody pressed a key that is locked."""


def _typed_to_us() -> bool:
    """Whether lines on the standard input are for this process: one in the background is stopped for reading them."""
    if sys.stdin is None:
        return False
    if os.name == "nt" or not sys.stdin.isatty():
        return True
    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


def _house(path: Path | None) -> Image | None:
    """Read the picture of the house."""
    if path is None:
        return None
    from melies.live.sinks import opaque
    from melies.media.reader import Reader

    return opaque(next(Reader(path).frames()).image)
