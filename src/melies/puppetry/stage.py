"""`Stage`: where cues become pictures: the portrait that is on, and the engine that moves it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from melies.effects._faces import Faces
from melies.effects._scratch import Closing
from melies.frame import Image, VideoSpec
from melies.puppetry.move import Mouth, Move
from melies.puppetry.performer import Cue
from melies.puppetry.portrait import Portrait, Shown
from melies.puppetry.render import Puppet
from melies.puppetry.retarget import Manner, Sitter


@dataclass(frozen=True)
class Cast:
    """Which portrait is on: the arguments of `Portrait`."""

    source: str
    face: Faces
    crop: float | None


class Stage(Closing):
    """Paint portraits that may change on the way, in pictures of one kind.

    Args:
        spec: What is made: portraits of another size or depth are brought to it.
    """

    def __init__(self, spec: VideoSpec) -> None:
        self._spec = spec
        self._cast: Cast | None = None
        self._portrait: Portrait | None = None
        self._shown: Shown | None = None
        self._ready: tuple[Sitter, Puppet] | None = None

    def picture(self, cast: Cast, time: Fraction, cue: Cue | None, manner: Manner, mouth: Mouth) -> Image:
        """Return the portrait at a moment of the film, in seconds, doing what it was given as its cue."""
        shown = self._on(cast).at(time)
        if cue is None or cue.presence == 0 or manner.gain == 0 or shown.points is None:
            return shown.image
        if self._ready is None or self._shown is not shown:
            self._shown, self._ready = shown, (Sitter(shown.points), Puppet(shown.image, shown.points))
        sitter, puppet = self._ready
        move = Move(
            points=sitter.moved(cue.motion, manner),
            strength=cue.presence,
            mouth=mouth,
            driver=None if cue.sight is None else cue.sight.image,
            driver_points=None if cue.sight is None else cue.sight.points,
            neutral=None if cue.rest is None else cue.rest.image,
            neutral_points=None if cue.rest is None else cue.rest.points,
        )
        return puppet.render(move)

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
        self._portrait = self._shown = self._ready = None
