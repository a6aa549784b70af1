"""`swap`: one face put on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from melies.effect import Effect
from melies.effects._faces import FACES, Chooser, Faces, identity_models
from melies.effects._fields import File, Named
from melies.engine.tally import tally
from melies.errors import UseError
from melies.files import is_file
from melies.frame import Frame, VideoSpec
from melies.imaging import join_alpha, split_alpha

if TYPE_CHECKING:
    from melies.swapping.swapper import Looks, Settings, Swapper


class Swap(Effect):
    """Put somebody's face on the faces of a film: their skin, brows and nose, with the performer's expression.

    Do it only with the consent of both. What was done is written into the file.
    """

    source: list[Named] = Field(
        default=[],
        description="Whose face: a picture, or a film, of which the moments most like each frame are used, or "
        "FILM@TIME for one moment; may be given several times for one person.",
    )
    model: File | None = Field(
        None,
        description="A network of yours that makes the face: what melies train swap wrote, which needs no --source, or "
        "inswapper_128.onnx; without one, the face in --source is laid over by its mesh.",
    )
    embedder: File | None = Field(
        None, description="ArcFace's network (w600k_r50.onnx), which inswapper_128.onnx needs to know who --source is."
    )
    face: Faces = Field("largest", description=f"Whose face is replaced: {FACES}.")
    strength: float = Field(1.0, ge=0, le=1, description="How much of the new face shows; 0 changes nothing.")
    color_match: float = Field(
        1.0, ge=0, le=1, description="How much the new face takes on the light and the skin colour of the old one."
    )
    creases: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much the performer's furrows and folds, which come and go with the expression, are carried to "
        "the new skin.",
    )
    shape: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much the eyes, the nose and the mouth take the places and sizes they have in the source; the "
        "outline of the face stays the performer's.",
    )
    feather: float = Field(
        0.08, ge=0, le=0.3, description="How softly the new face ends, as a share of the face's width."
    )
    mouth: Literal["target", "source"] = Field(
        "target",
        description="Whose teeth and tongue show where the mouth is open: the performer's own (target), or those of "
        "the source. A model always makes its own.",
    )
    occlusion: bool = Field(
        True,
        description="Keep hands, hair and things that come before the face in front; off saves some milliseconds.",
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.source and self.model is None:
            raise ValueError("give --source FILE, whose face it is, or --model FILE, a network that makes it")
        return self

    @property
    def synthesis(self) -> str | None:
        """Always said, unless the strength is 0: somebody's face was replaced."""
        return "A face was replaced by another person's face (swap)." if self.strength else None

    def models(self) -> tuple[str, ...]:
        """The face mesh, the hands, and who is who when a picture or a network says whose face is meant."""
        hands = ("hand", "hand-detector") if self.occlusion else ()
        who = ("face-identity",) if self.model else identity_models(self.face)
        return ("face", *hands, *who)

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; the files are looked at.

        Raises:
            UseError: One is missing, shows no face, or is a network that cannot be run.
        """
        self._looks()
        Chooser(self.face)
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Swap the faces of one shot."""
        return self.steered(frames, spec, lambda: self)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """Swap the faces of one shot; who is who and how the light falls stays known when a setting changes."""
        from melies.faces import Tracker
        from melies.swapping.swapper import Swapper

        tracker = Tracker(every=2)
        swappers: dict[int, Swapper] = {}
        before: Self | None = None
        for frame in frames:
            effect = now()
            if effect is not before:
                looks, settings = effect._looks(), effect._settings()
                if before is None or effect.face != before.face:
                    chooser = Chooser(effect.face)
                before = effect
            if not effect.strength:
                yield frame
                continue
            image, alpha = split_alpha(frame.image)
            seen = tracker.step(image)
            swappers = {face.person: swappers.get(face.person) or Swapper() for face in seen}
            shown = image
            chosen = chooser.choose(image, seen)
            tally(self.name(), len(chosen))
            for face in chosen:
                shown = swappers[face.person].step(shown, face, frame.time, looks, settings)
            yield frame if shown is image else frame.with_image(join_alpha(shown, alpha))

    def _looks(self) -> Looks:
        from melies.colouring.references import Place

        files = [*(Place.parse(name).path for name in self.source), *filter(None, (self.model, self.embedder))]
        stats = (path.stat() for path in files if is_file(path))
        changed = tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)
        return _read(tuple(self.source), self.model, self.embedder, changed)

    def _settings(self) -> Settings:
        from melies.swapping.swapper import Settings

        return Settings(
            strength=self.strength,
            feather=self.feather,
            color_match=self.color_match,
            creases=self.creases,
            shape=self.shape,
            mouth=self.mouth == "source",
            occlusion=self.occlusion,
        )


@lru_cache(8)
def _read(
    files: tuple[str, ...], model: Path | None, embedder: Path | None, changed: tuple[tuple[int, int], ...]
) -> Looks:
    """Read what the new face is made from, once for each content of its files."""
    from melies.swapping import networks
    from melies.swapping.portrait import Portrait, pictures

    if model is not None and not networks.needs_source(model):
        if files:
            raise UseError(f"{model} knows whose face it makes: --source is not for it.", "Leave --source out.")
        if embedder is not None:
            raise UseError(
                f"{model} needs no network that describes a face.",
                "Leave --embedder out: only inswapper_128.onnx needs it.",
            )
        return networks.read(model, None, [])
    if model is None and embedder is not None:
        raise UseError(
            "--embedder is only for inswapper_128.onnx, and no --model is given.", "Leave it out, or add --model."
        )
    seen = pictures(files) if files else []
    return Portrait.of(seen) if model is None else networks.read(model, embedder, seen)
