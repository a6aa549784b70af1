"""`Stage`: where cues become pictures: the portrait that is on, and the engine that moves it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING

from melies.effects._faces import Faces
from melies.effects._scratch import Closing
from melies.faces.anatomy import Points
from melies.frame import Image, VideoSpec
from melies.puppetry.move import Mouth, Move
from melies.puppetry.performer import Cue
from melies.puppetry.portrait import Portrait, Shown
from melies.puppetry.render import Puppet
from melies.puppetry.retarget import Manner, Region, Sitter

if TYPE_CHECKING:
    from melies.puppetry.fomm import Fomm, Source


@dataclass(frozen=True)
class Cast:
    """Which portrait is on, and what moves it.

    Attributes:
        source: As for `Portrait`.
        face: As for `Portrait`.
        crop: As for `Portrait`.
        model: A First Order Motion Model, as for `fomm.load`; None moves the mesh.
        scale: How much wider than usual the part around the head is that such a model sees.
    """

    source: str
    face: Faces
    crop: float | None
    model: Path | None = None
    scale: float = 1.0


class Stage(Closing):
    """Paint portraits that may change on the way, in pictures of one kind.

    Args:
        spec: What is made: portraits of another size or depth are brought to it.
    """

    def __init__(self, spec: VideoSpec) -> None:
        self._spec = spec
        self._cast: Cast | None = None
        self._portrait: Portrait | None = None
        self._fomm: tuple[Path, float, Fomm] | None = None

    def picture(self, cast: Cast, time: Fraction, cue: Cue | None, manner: Manner, mouth: Mouth) -> Image:
        """Return the portrait at a moment of the film, in seconds, doing what it was given as its cue."""
        shown = self._on(cast).at(time)
        if cue is None or cue.presence == 0 or manner.gain == 0 or shown.points is None:
            return shown.image
        if cast.model is not None:
            source, move = _seen(shown, cast.model, cast.scale), _move(shown.points, cue, mouth, "all")
            return self._model(cast.model, cast.scale).render(source, move, absolute=manner.absolute, gain=manner.gain)
        sitter, puppet = _ready(shown, get_ident())
        return puppet.render(_move(sitter.moved(cue.motion, manner), cue, mouth, manner.region))

    def _model(self, model: Path, scale: float) -> Fomm:
        """The First Order Motion Model, which remembers the performance so far."""
        from melies.puppetry.fomm import Fomm, load

        if self._fomm is None or self._fomm[:2] != (model, scale):
            self._fomm = model, scale, Fomm(load(model), scale)
        return self._fomm[2]

    def _on(self, cast: Cast) -> Portrait:
        if self._portrait is None or self._cast != cast:
            following = Portrait(cast.source, cast.face, cast.crop, self._spec)
            self.close()
            self._cast, self._portrait = cast, following
        return self._portrait

    def close(self) -> None:
        """Take the portrait off."""
        if self._portrait is not None:
            self._portrait.close()
        self._portrait = None


def _move(points: Points, cue: Cue, mouth: Mouth, region: Region) -> Move:
    """What is to be painted; the performer's mouth and wrinkles only where they belong to what is taken over."""
    sight = cue.sight if region in ("all", "expression", "lips") else None
    rest = cue.rest if region in ("all", "expression") else None
    return Move(
        points=points,
        strength=cue.presence,
        mouth=mouth,
        driver=None if sight is None else sight.image,
        driver_points=None if sight is None else sight.points,
        neutral=None if rest is None else rest.image,
        neutral_points=None if rest is None else rest.points,
        covered=cue.covered,
    )


@lru_cache(maxsize=2)
def _ready(shown: Shown, thread: int) -> tuple[Sitter, Puppet]:
    """A portrait, prepared; kept, because every shot asks for it again, but not for two threads at once."""
    assert shown.points is not None
    return Sitter(shown.points), Puppet(shown.image, shown.points)


@lru_cache(maxsize=2)
def _seen(shown: Shown, model: Path, scale: float) -> Source:
    """A portrait as a First Order Motion Model sees it."""
    from melies.puppetry.fomm import Source, load

    assert shown.points is not None
    return Source(shown.image, shown.points, load(model), scale)
