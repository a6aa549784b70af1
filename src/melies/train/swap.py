"""`melies train swap`: two people whose faces can then take each other's place."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
from pydantic import Field

from melies.effects._faces import FACES, Faces
from melies.errors import UseError
from melies.swapping.extract import FaceSet, extract
from melies.train import Trainer, Work

log = logging.getLogger("melies")

HELD_OUT = 0.15
"""The share of each film that is not learned from."""

_LONG = 3000
"""Frames of a film from which on one wonders whether something happens."""


class Swap(Trainer):
    """Teach a network to put two people's faces on each other, from a film of each who agreed to it."""

    lasting = ("size",)
    advice = (
        "A minute of film of each is a good start: the face large and sharp, in even light, talking, laughing, turning "
        "to all sides. Twenty minutes on two cores show whose face it becomes, softly; hours make it sharper. Both "
        "people must have agreed."
    )
    examples = (
        "train swap --a her.mp4 --b him.mp4 --out run --minutes 30",
        "train swap --out run --resume --minutes 30",
        "apply in.mp4 out.mp4 swap --model run/a-to-b.onnx",
    )

    a: Path = Field(description="A film of one person: the face large, sharp, from many sides, with many expressions.")
    b: Path = Field(description="A film of the other person.")
    face_a: Faces = Field("largest", description=f"Who is meant in the first film: {FACES}.")
    face_b: Faces = Field("largest", description="Who is meant in the second film.")
    size: int = Field(
        64,
        ge=64,
        le=128,
        multiple_of=16,
        description="Side of the faces in pixels; 96 takes two to three times as long as 64.",
    )
    faces: int = Field(1500, ge=50, le=20000, description="The most faces of each person that are learned from.")
    match: bool = Field(
        True, description="Teach each face in the light of the film into which it will be put, so that it suits it."
    )
    rate: float = Field(1e-3, gt=0, le=1, description="How far a step goes: the learning rate.")

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Collect the faces, or take those that an earlier sitting collected, and make the networks."""
        if (self.a.resolve(), self.face_a) == (self.b.resolve(), self.face_b):
            raise UseError(
                f"Both faces would be the same one, in {self.a}.", "Name another film, or another face in it."
            )
        import melies

        for film in (self.a, self.b):  # looked at before the first is read, which may take long
            melies.open(film)
        a = self._collect(self.a, self.face_a, "a")
        b = self._collect(self.b, self.face_b, "b")
        from melies.train._swap import SwapWork

        return SwapWork(a, b, rng, device, batch=self.batch, rate=self.rate, match=self.match, held_out=HELD_OUT)

    def _collect(self, film: Path, face: Faces, letter: str) -> FaceSet:
        import melies
        from melies.engine.shots import mark_shots

        clip = melies.open(film)
        state = film.stat()
        origin = json.dumps([str(film.resolve()), state.st_size, state.st_mtime_ns, str(face), self.size, self.faces])
        kept = self.out / f"faces-{letter}.npz"
        if kept.is_file() and (found := FaceSet.load(kept)).origin == origin:
            return found
        if (clip.spec.frames or 0) > _LONG:
            log.warning("Looking for faces in %s takes about as long as watching it; it is done once.", film)
        made = extract(mark_shots(clip.frames()), self.size, film.stem, most=self.faces, face=face, origin=origin)
        made.save(kept)
        return made
