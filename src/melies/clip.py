"""`Clip`: a lazy chain of where frames come from and the effects they pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from melies.effect import Effect, Reactive, Step
from melies.errors import UseError
from melies.frame import Frame, Sound, VideoSpec

if TYPE_CHECKING:
    from melies.engine.progress import Report
    from melies.hearing.features import Heard
    from melies.media.mux import Extras
    from melies.media.output import SaveOptions

log = logging.getLogger("melies")

Time = Fraction | float | int | str


class Source(Protocol):
    """Where frames come from: a file, pictures, a generator."""

    @property
    def spec(self) -> VideoSpec:
        """What the frames look like."""
        ...

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Frames from `since` on, in seconds, and up to `lead_in` before it."""
        ...


class Clip:
    """A source and the effects on it. Nothing runs until it is saved or iterated.

    Args:
        source: Where frames come from.
        effects: Applied in order.
    """

    def __init__(self, source: Source, effects: tuple[Effect, ...] = ()) -> None:
        self.source = source
        self.effects = effects
        self._heard: dict[int, Heard] = {}

    def apply(self, *effects: Effect) -> Clip:
        """Return the clip with further effects.

        Raises:
            UseError: An effect cannot work on such a clip, its `audio` holds no sound, or something is no effect.
        """
        for effect in effects:
            if not isinstance(effect, Effect):
                raise UseError(f"{effect!r} is no effect.", "Give objects, such as melies.Matte().")
        clip = Clip(self.source, (*self.effects, *effects))
        given = clip._specs[len(self.effects) :]
        for effect, spec in zip(effects, given, strict=False):
            if effect.react and effect.audio is None and not spec.sound:
                from melies.hearing.reaction import names_heard, nothing_to_hear

                if names_heard(effect):
                    raise nothing_to_hear(effect)
        return clip

    @property
    def spec(self) -> VideoSpec:
        """What the frames look like after the last effect."""
        return self._specs[-1]

    @cached_property
    def _specs(self) -> list[VideoSpec]:
        """What comes out of the source and of each effect; a sound that one of them names is looked at."""
        from melies.engine.chain import specs
        from melies.media.sound import must_sound

        for step in (self.source, *self.effects):
            if isinstance(step, Reactive) and step.audio is not None:
                must_sound(step.audio)
        return specs(self.source.spec, self.effects)

    def frames(self) -> Iterator[Frame]:
        """Run the clip in the calling thread and yield its frames; close the iterator to stop."""
        from melies.engine.chain import chain, needs_shots
        from melies.engine.shots import mark_shots

        frames = self.source.frames()
        if needs_shots(self.effects):
            frames = mark_shots(frames)
        return chain(frames, self.source.spec, self.effects, self.heard)

    def sound(self, track: int = 0) -> Iterator[Sound]:
        """Decode a sound track and pass it through the effects that touch sound."""
        return self._sound(len(self.effects), track)

    def _sound(self, stop: int, track: int = 0) -> Iterator[Sound]:
        """The sound before the effect of an index: an effect with `audio` puts that in the place of what it gets."""
        brought = self._brought(stop)
        blocks: Iterator[Sound]
        if brought is None:
            blocks, first = self.source.sound(track), 0  # type: ignore[attr-defined]
        else:
            from melies.media.sound import read_sound

            first = brought
            spec = self._specs[first]
            length = None if spec.frames is None else spec.frames / spec.rate
            blocks = read_sound(self.effects[first].audio or "", length=length)
        for effect, spec in zip(self.effects[first:stop], self._specs[first:], strict=False):
            if effect.touches_sound:
                blocks = effect.sound(blocks, spec)
        return blocks

    def _brought(self, stop: int | None = None) -> int | None:
        """Which of the effects before an index is the last that brings a sound of its own."""
        return next((i for i, e in reversed([*enumerate(self.effects[:stop])]) if e.audio is not None), None)

    def heard(self, index: int) -> Heard | None:
        """Listen to the first sound track as it comes to the effect of an index; None if there is none."""
        from melies.hearing.features import hear

        if not self._specs[index].sound:
            return None
        # Sound is the same before and after effects that leave it alone.
        while index and not _changes_sound(self.effects[index - 1]):
            index -= 1
        if index not in self._heard:
            self._heard[index] = hear(partial(self._sound, index), "The film")
        return self._heard[index]

    def save(
        self,
        path: str | Path,
        options: SaveOptions | None = None,
        *,
        progress: Report | None = None,
        threads: int | None = None,
        **fields: Any,
    ) -> Path:
        """Write the clip to a file; the file's ending says as what.

        Args:
            path: Output. Nothing appears there before it is complete.
            options: How to write; or give the fields of `SaveOptions` by name.
            progress: Called with a `Progress` a few times a second.
            threads: Cores to use; all if None.
            **fields: Fields of `SaveOptions`, such as `codec="prores"`, `quality=90`, `overwrite=True`.

        Returns:
            The path written.

        Raises:
            UseError: The request cannot be carried out; nothing was touched.
            MediaError: Reading or writing failed; finished segments are kept for `resume=True`.
        """
        from pydantic import ValidationError

        from melies.engine.render import render
        from melies.explain import explain
        from melies.media.output import SaveOptions

        if threads is not None and threads < 1:
            raise UseError(f"The number of threads must be at least 1, not {threads}.")
        if options is None:
            try:
                options = SaveOptions(**fields)
            except ValidationError as error:
                raise UseError(explain(error, SaveOptions, "Saving")) from None
        clip = self
        if options.pingpong:
            from melies.effects.loop import Loop

            clip = self.apply(Loop(boomerang=True, times=1))
        return render(clip, Path(path), options, progress, threads)

    # What the engine asks

    @property
    def native_format(self) -> str:
        """Pixel format of the source's decoder; empty when frames are images already."""
        return str(getattr(self.source, "native_format", ""))

    def inputs(self) -> list[Path]:
        """Files of the user's that are read, and so must not be written."""
        return [*getattr(self.source, "files", []), *files_of(self.effects)]

    def identity(self) -> dict[str, Any]:
        """Say what the clip is, for recognising the same work again."""
        files = {}
        for path in self.inputs():
            if path.is_file():
                stat = path.stat()
                files[str(path)] = [stat.st_size, stat.st_mtime_ns]
        return {
            "files": files,
            "source": repr(self.source if isinstance(self.source, Step) else getattr(self.source, "trim", None)),
            "effects": [{effect.name(): effect.model_dump(mode="json")} for effect in self.effects],
        }

    def tracks(self) -> list[Callable[[], Iterator[Sound]]]:
        """One function per sound track, which decodes it and passes it through the effects."""
        if self._brought() is not None:
            return [self.sound]
        # A silent film gets a track where an effect brings sound along.
        count = int(getattr(self.source, "tracks", 0)) or int(self.spec.sound)
        return [partial(self.sound, track) for track in range(count)]

    def extras(self, options: SaveOptions) -> Extras:
        """Say what goes into a film beside its pictures."""
        from melies.media.mux import Extras

        retimed = any(effect.retimes for effect in self.effects)
        changed = any(map(_changes_sound, self.effects))
        brought = self._brought()
        sound = options.sound
        heard_by = self.effects[brought or 0 :] if brought is not None or self.source.spec.sound else ()
        if sound and any(e.retimes and not e.touches_sound for e in heard_by):
            if self.spec.sound:  # Nobody asked for that.
                log.warning("The sound is left out: it would no longer fit the picture.")
            sound = False
        if retimed and getattr(self.source, "timed_text", False):
            log.warning("Subtitles and chapters are left out: they would no longer fit the picture.")
        # A generator's fields may be called so too, and mean something else.
        path = None if isinstance(self.source, Step) else getattr(self.source, "path", None)
        is_file = path is not None and Path(path).is_file()
        return Extras(
            path=Path(path) if is_file and path is not None else None,
            origin=getattr(self.source, "origin", Fraction(0)),
            length=getattr(self.source, "length", None),
            sound=sound,
            # What comes from no file of its own has no packets that could be copied.
            tracks=self.tracks() if changed or path is None else None,
            others=brought is not None,
            keep_timed=not retimed,
        )


def _changes_sound(effect: Effect) -> bool:
    return effect.touches_sound or effect.audio is not None


def files_of(steps: Iterable[Step]) -> list[Path]:
    """Return the files that effects and generators read."""
    from melies.effects._fields import may_name_files

    own: list[Path] = []
    for step in steps:
        for name, value in step:
            if not may_name_files(type(step), name):
                continue
            several = value if isinstance(value, list | tuple) else [value]
            own += [path for one in several if (path := _named_file(one)) is not None]
    return own


def _named_file(value: object) -> Path | None:
    """The file that an option's value names: as a path, or as text that may be something else, or `FILE@TIME`."""
    from melies.effects._fields import names_in
    from melies.files import is_file

    if isinstance(value, Path):
        return value
    if not isinstance(value, str):
        return None
    return next((path for path, _ in names_in(value) if is_file(path)), None)


def open(
    path: str | Path,
    *,
    start: Time | None = None,
    end: Time | None = None,
    rate: Time | None = None,
    max_errors: int = 10,
) -> Clip:
    """Open a film, an animation, a still or a folder of pictures.

    Args:
        path: A file, a folder of pictures, or a pattern such as `shots/%04d.png` or `shots/*.png`.
        start: Begin with the first frame at or after this time: seconds, or `"HH:MM:SS.mmm"`.
        end: End before the first frame at or after this time.
        rate: Frames per second of a folder of pictures.
        max_errors: How many broken frames may be skipped before reading is given up.

    Raises:
        UseError: The file is missing, is not a film, or is one that must not be opened (a playlist, an address).
    """
    from melies.media.reader import Reader
    from melies.times import parse_rate, parse_time

    return Clip(
        Reader(
            path,
            start=_read("start", start, parse_time),
            end=_read("end", end, parse_time),
            rate=_read("rate", rate, parse_rate),
            max_errors=max_errors,
        )
    )


def _read(what: str, value: Time | None, parse: Callable[[object], Fraction]) -> Fraction | None:
    from melies.explain import written

    try:
        return None if value is None else parse(value)
    except ValueError as error:
        raise UseError(f"The {what} {written(value)} {error}.") from None
