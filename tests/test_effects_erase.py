"""`erase`: what was behind comes back, stays where it was, and nothing else is touched."""

import itertools
import logging
from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage import data

import melies
from melies.effects.erase import Erase
from melies.erasing.album import Album, Piece, sample
from melies.erasing.exemplar import complete
from melies.erasing.filler import Filler
from melies.erasing.membrane import membrane
from melies.erasing.motion import affine
from melies.erasing.track import Outline, Place, Tracker
from melies.erasing.where import Start, follow
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import write_clip
from melies.metrics import psnr
from melies.testing import run

SIZE = 160, 120
SPEC = VideoSpec(*SIZE, Fraction(10), Fraction(1, 10))
SCENE = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)


def film(count=12, pan=0.0, light=1.0, dtype=np.uint8):
    """A view of a photograph that moves to the right, and grows brighter by a factor, frame by frame."""
    frames = []
    for index in range(count):
        move = np.array([[1, 0, -pan * index], [0, 1, -40]], np.float64)
        image = cv2.warpAffine(SCENE, move, SIZE, flags=cv2.INTER_CUBIC)
        image = np.clip(image * light**index * 0.7, 0, 255).astype(np.uint8)
        frames.append(Frame(image.astype(dtype) * (257 if dtype == np.uint16 else 1), index, Fraction(1, 10), 1))
    return frames


def passing(count=12, speed=9):
    holes = [np.zeros(SIZE[::-1], np.uint8) for _ in range(count)]
    return [cv2.rectangle(hole, (8 + speed * i, 40), (32 + speed * i, 90), 255, -1) for i, hole in enumerate(holes)]


def corner(count=12):
    hole = np.zeros(SIZE[::-1], np.uint8)
    hole[12:28, 110:140] = 255
    return [hole] * count


def covered(frames, holes):
    pairs = zip(frames, holes, strict=True)
    return [frame.with_image(np.where(hole[..., None] > 0, 200, frame.image).astype(frame.image.dtype))
            for frame, hole in pairs]  # fmt: skip


def fill(frames, holes, reach=10, feather=0.0, spec=SPEC):
    with Filler(spec, reach, feather) as filler:
        return list(filler.run(iter(zip(frames, holes, strict=True))))


def in_hole(found, truth, holes):
    triples = zip(found, truth, holes, strict=True)
    return [min(99.0, psnr(a.image[h > 0][None], b.image[h > 0][None])) for a, b, h in triples]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_revealed_comes_back_exactly_where_the_camera_stands_still(dtype):
    truth, holes = film(dtype=dtype), passing()
    spec = SPEC if dtype == np.uint8 else SPEC.replace(depth=16)
    found = fill(covered(truth, holes), holes, spec=spec)
    assert min(in_hole(found, truth, holes)) > 38
    for one, frame, hole in zip(found, truth, holes, strict=True):
        assert np.array_equal(one.image[hole == 0], frame.image[hole == 0])


@pytest.mark.parametrize("holes", [passing(), corner()], ids=["passing", "logo"])
def test_what_is_revealed_comes_back_under_a_panning_camera(holes):
    truth = film(pan=4.3)
    dirty = covered(truth, holes)
    found = in_hole(fill(dirty, holes), truth, holes)
    telea = [frame.with_image(cv2.inpaint(frame.image, hole, 5, cv2.INPAINT_TELEA))
             for frame, hole in zip(dirty, holes, strict=True)]  # fmt: skip
    assert np.mean(found[2:-2]) > np.mean(in_hole(telea, truth, holes)[2:-2]) + 4


def test_light_is_that_of_the_frame_and_not_that_of_where_the_fill_was_seen():
    truth, holes = film(light=1.03, count=12), passing(speed=4)
    found = fill(covered(truth, holes), holes)
    last, hole = found[-1].image, holes[-1] > 0
    assert abs(float(last[hole].mean()) - float(truth[-1].image[hole].mean())) < 3


def test_what_nobody_saw_is_invented_once_and_stays():
    truth, holes = film(), corner()
    found = fill(covered(truth, holes), holes)
    assert np.abs(found[0].image[holes[0] > 0].astype(int) - 200).mean() > 20
    steps = [np.abs(a.image.astype(int) - b.image).max() for a, b in itertools.pairwise(found)]
    assert max(steps) <= 2


def test_memory_of_what_was_seen_outlives_the_reach():
    truth = film(count=24)
    hole = np.zeros(SIZE[::-1], np.uint8)
    hole[40:70, 60:90] = 255
    holes = [hole * (index > 2) for index in range(24)]
    found = fill(covered(truth, holes), holes, reach=4)
    assert psnr(found[-1].image[hole > 0][None], truth[-1].image[hole > 0][None]) > 35


def test_feather_fades_outside_of_the_hole_only():
    truth, holes = film(count=4), corner(4)
    hard, soft = (fill(covered(truth, holes), holes, feather=feather)[0].image for feather in (0, 4))
    changed = (soft != truth[0].image).any(-1)
    assert not changed[cv2.dilate(holes[0], np.ones((11, 11))) == 0].any()
    assert not (hard != truth[0].image).any(-1)[holes[0] == 0].any()


def test_frames_that_are_marked_all_over_stay_as_they_are_and_it_is_said_once(caplog):
    frames = film(count=3, pan=4)
    whole = [np.full(SIZE[::-1], 255, np.uint8)] * 3
    with caplog.at_level(logging.WARNING, "melies"):
        found = fill(frames, whole)
    assert all(np.array_equal(one.image, frame.image) for one, frame in zip(found, frames, strict=True))
    assert caplog.text.count("nothing is left to fill it from") == 1


def test_a_frame_that_is_marked_all_over_is_filled_from_its_neighbours():
    frames = film(count=3)
    holes = [np.full(SIZE[::-1], 255 * (index == 1), np.uint8) for index in range(3)]
    assert psnr(fill(covered(frames, holes), holes)[1].image, frames[1].image) > 35


def test_a_tiny_picture_does_no_harm():
    small = [frame.with_image(np.ascontiguousarray(frame.image[:6, :8])) for frame in film(count=3)]
    dot = np.zeros((6, 8), np.uint8)
    dot[2:4, 3:5] = 255
    assert len(fill(small, [dot] * 3, spec=SPEC.replace(width=8, height=6))) == 3


def test_a_black_mask_is_mentioned_once(tmp_path, caplog):
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros(SIZE[::-1], np.uint8))
    frames = film(count=2)
    with caplog.at_level(logging.WARNING, "melies"):
        for _ in range(2):
            found = list(Erase(mask=tmp_path / "black.png").apply(iter(frames), SPEC))
    assert all(np.array_equal(one.image, frame.image) for one, frame in zip(found, frames, strict=True))
    assert caplog.text.count("is black all through the shot at 0.00 s") == 1


def test_large_pictures_are_followed_on_a_coarser_grid():
    size = 1300, 500
    still = cv2.resize(data.astronaut(), size, interpolation=cv2.INTER_LINEAR)
    truth = [Frame(still.copy(), index, Fraction(1, 10), 1) for index in range(5)]
    holes = [cv2.circle(np.zeros(size[::-1], np.uint8), (300 + 150 * i, 250), 60, 255, -1) for i in range(5)]
    found = fill(covered(truth, holes), holes, spec=SPEC.replace(width=size[0], height=size[1]))
    assert min(in_hole(found, truth, holes)) > 35


def test_a_still_mask_and_a_film_of_masks_mark_what_is_white(tmp_path):
    path = write_clip(tmp_path / "in.mkv", frames=8, size=(96, 64), codec="ffv1", pix_fmt="yuv444p")
    clip = melies.open(path)
    source = list(clip.source.frames())
    mask = np.zeros((64, 96), np.uint8)
    mask[20:30, 30:50] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    still = run(Erase(mask=tmp_path / "mask.png", grow=0, feather=0), source, clip.spec)
    for one, frame in zip(still, source, strict=True):
        changed = (one.image != frame.image).any(-1)
        assert changed.any()
        assert not changed[mask == 0].any()
    moving = write_clip(tmp_path / "masks.mkv", frames=8, size=(96, 64), codec="ffv1", pix_fmt="yuv444p")
    assert len(run(Erase(mask=moving), source, clip.spec)) == 8


def walker(count, hide=range(0)):
    """A face that crosses a lawn, and its true places; in the frames of `hide` a wall stands before it."""
    lawn = cv2.cvtColor(data.grass()[:240, :400], cv2.COLOR_GRAY2RGB)
    face = cv2.resize(data.astronaut()[30:180, 150:290], (40, 44), interpolation=cv2.INTER_AREA)
    frames, places = [], []
    for index in range(count):
        image = lawn.copy()
        x, y = 30 + 7 * index, 80 + 2 * index
        seen = image[y : y + 44, x : x + 40]
        seen[...] = face[: seen.shape[0], : seen.shape[1]]
        if index in hide:
            image[:, x + 10 : x + 60] = 90
        frames.append(Frame(image, index, Fraction(1, 10), 1))
        places.append((x, y))
    return frames, places


@pytest.mark.parametrize("hide", [range(0), range(12, 16)], ids=["in sight", "hidden for a while"])
def test_a_box_follows(hide):
    frames, places = walker(32, hide)
    tracker = Tracker(frames[0].image, Place(50, 102, 40, 44), 10)
    place = tracker.place
    for frame in frames[1:]:
        place = tracker.step(frame.image)
        assert place is not None
    x, y = places[-1]
    assert abs(place.x - x - 20) < 5
    assert abs(place.y - y - 22) < 5
    assert 32 < place.width < 50


def test_a_box_that_leaves_is_lost_and_said_so(caplog):
    frames, _ = walker(58)
    spec = SPEC.replace(width=400, height=240)
    with caplog.at_level(logging.WARNING, "melies"):
        found = list(follow(iter(frames), spec, [Start(30, 80, 40, 44)], "box"))
    assert "lost or gone" in caplog.text
    assert found[0][1] is not None
    assert found[-1][1] is None


def test_a_box_in_the_middle_is_followed_both_ways():
    frames, places = walker(16)
    spec = SPEC.replace(width=400, height=240)
    x, y = places[8]
    found = run(Erase(box=[f"{x},{y},40,44@0.8"]), frames, spec)
    lawn = cv2.cvtColor(data.grass()[:240, :400], cv2.COLOR_GRAY2RGB)
    for frame, one in list(zip(frames, found, strict=True))[1:-1]:
        assert psnr(one.image, lawn) > psnr(frame.image, lawn) + 8
        assert one.pts == frame.pts


def test_the_outline_is_that_of_the_object():
    lawn = cv2.cvtColor(data.grass()[:200, :200], cv2.COLOR_GRAY2RGB)
    disc = cv2.circle(np.zeros((200, 200), np.uint8), (100, 100), 30, 1, -1) > 0
    lawn[disc] = (200, 40, 30)
    outline = Outline(80, 80)
    found = outline.step(lawn, Place(100, 100, 80, 80)) > 0
    assert (found & disc).sum() / (found | disc).sum() > 0.85
    for other in (lawn[:, ::-1], np.roll(lawn, 45, axis=1), np.zeros_like(lawn)):
        assert outline.step(np.ascontiguousarray(other), Place(100, 100, 80, 80)).any()


def test_people_are_erased():
    image = cv2.resize(data.astronaut(), (192, 192), interpolation=cv2.INTER_AREA)
    frames = [Frame(image, index, Fraction(1, 10), 1) for index in range(2)]
    for one in Erase(people=True).apply(iter(frames), SPEC.replace(width=192, height=192)):
        changed = (one.image != image).any(-1)
        assert changed[30:70, 70:100].mean() > 0.9, "her face"
        assert not changed[:60, :30].any(), "the flag"


def test_patches_continue_a_texture_that_a_membrane_would_smear():
    bricks = np.dstack([data.brick()[:160, :200]] * 3)
    hole = np.zeros((160, 200), np.bool_)
    hole[60:100, 70:120] = True
    found = complete(bricks, hole)
    assert np.array_equal(found[~hole], bricks[~hole])
    assert found[hole].std() > 0.5 * bricks[hole].std()
    assert np.array_equal(found, complete(bricks, hole))


def test_a_membrane_continues_a_slope():
    y, x = np.indices((40, 60)).astype(np.float32)
    slope = np.dstack([x, 2 * y])
    hole = np.zeros((40, 60), np.bool_)
    hole[10:30, 15:45] = True
    assert np.abs(membrane(slope, hole) - slope).max() < 0.5
    assert not membrane(slope, np.ones((40, 60), np.bool_)).any()


def test_the_overall_motion_is_that_of_most():
    places = np.random.default_rng(0).uniform(0, 100, (500, 2)).astype(np.float32)
    moves = places @ np.array([[0.02, -0.01], [0.01, 0.03]], np.float32) + np.array([3, -1], np.float32)
    moves[:150] += 12
    found = affine(places, moves)
    assert np.abs(found - [[0.02, -0.01], [0.01, 0.03], [3, -1]]).max() < 0.05


def test_an_album_gives_back_what_was_put(monkeypatch):
    monkeypatch.setattr("melies.erasing.album._BUDGET", 3000)
    with Album() as album:
        pieces = {n: np.full((16, 32, 3), n, np.uint8) for n in range(4)}
        for number, image in pieces.items():
            album.put(number, Piece(image, number, 5))
        album.drop(1)
        for number in (0, 2, 3):
            assert np.array_equal(album[number].image, pieces[number])
            assert (album[number].left, album[number].top) == (number, 5)
    assert sample(np.arange(12, dtype=np.float32).reshape(3, 4), np.array([[1.5, 1]], np.float32))[0, 0] == 5.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Nothing says what to erase"),
        ({"box": ["900,2,10,10"]}, "outside the picture"),
        ({"box": ["2,2,10,10@99"]}, "after the clip's end"),
        ({"mask": "missing.png"}, "missing.png"),
    ],
)
def test_what_cannot_be_done_is_said(options, words):
    with pytest.raises(UseError, match=words):
        Erase(**options).output(SPEC.replace(frames=20))


@pytest.mark.parametrize("box", ["1,2,3", "1,2,0,4", "a,b,c,d", "1,2,3,4@soon"])
def test_a_wrong_box_is_refused(box):
    with pytest.raises(UseError, match="box"):
        Erase(box=[box])
