"""`mask` and what it is built from: what is put on stays where it belongs, and everything else stays as it was."""

import logging
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest
from skimage import data

import melies
from melies import cli, faces
from melies.effects.mask import Mask
from melies.errors import UseError
from melies.faces import anatomy
from melies.faces.anatomy import SKIN, canonical
from melies.frame import Frame, VideoSpec
from melies.masking import company, makeup
from melies.masking.dresser import Dresser
from melies.masking.layout import Paint, template, unfold
from melies.masking.looks import LOOKS, Outfit
from melies.masking.paints import PAINTS, paint
from melies.masking.patch import Patch, bent
from melies.masking.things import THINGS, Piece, thing
from melies.masking.wearing import ANCHORS, Head, Worn
from melies.media.synthetic import write_clip
from melies.testing import run

PORTRAIT = np.ascontiguousarray(data.astronaut()[:260, 90:370])
LARGE = cv2.resize(PORTRAIT, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
TICK = Fraction(1, 25)
RED = np.array((0.8, 0.05, 0.1), np.float32)


@pytest.fixture(scope="module")
def face():
    return faces.find(LARGE)[0]


def spec_of(image, **more):
    height, width, channels = image.shape
    depth = 8 if image.dtype == np.uint8 else 16
    return VideoSpec(width, height, Fraction(25), TICK, depth=depth, alpha=channels == 4, **more)


def dressed(image, **options):
    return run(Mask(**options), [Frame(image.copy(), 0, TICK, 1)], spec_of(image))[0].image


def changed(before, after, least=4):
    return np.abs(before[..., :3].astype(int) - after[..., :3]).max(-1) > least


def inside(shape, points):
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(points[:, :2]).astype(np.int32)], 255)
    return mask > 0


def turned(yaw=0.0, pitch=0.0, scale=20.0, middle=(200, 200)):
    """The mean face as a face that looks elsewhere."""
    sine, cosine = np.sin(np.radians(-yaw)), np.cos(np.radians(-yaw))
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    sine, cosine = np.sin(np.radians(pitch)), np.cos(np.radians(pitch))
    turn = turn @ np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    points = scale * canonical().points @ turn.T + (*middle, 0)
    eyes = np.stack([points[[33, 133]].mean(0)] * 5 + [points[[362, 263]].mean(0)] * 5)
    return faces.Face(np.concatenate([points, eyes]).astype(np.float32), 1.0)


def test_lipstick_is_on_the_lips_and_not_on_the_teeth(face):
    after = dressed(LARGE, lipstick="#a00018")
    lips = inside(LARGE.shape, bent(face.points[anatomy.LIPS_OUTER]))
    mouth = inside(LARGE.shape, bent(face.points[anatomy.LIPS_INNER]))
    core = cv2.erode((lips & ~mouth).astype(np.uint8), np.ones((3, 3))) > 0
    teeth = cv2.erode(mouth.astype(np.uint8), np.ones((5, 5))) > 0
    touched = changed(LARGE, after)
    assert touched[core].mean() > 0.9
    assert touched[teeth].mean() < 0.05
    around = cv2.dilate(lips.astype(np.uint8), np.ones((13, 13))) > 0
    assert not touched[~around].any()
    redder = after[core].astype(int) - LARGE[core]
    assert redder[:, 1].mean() < -20


def test_lipstick_keeps_light_and_shade(face):
    def relief(finish):
        patch = Patch(LARGE, face)
        area = patch.area([bent(patch.points[anatomy.LIPS_OUTER])], 0, [bent(patch.points[anatomy.LIPS_INNER])])
        before = patch.picture[area.rows, area.columns].mean(-1)[area.weight == 1]
        makeup.lipstick(patch, RED, 0.9, finish)
        after = patch.picture[area.rows, area.columns].mean(-1)[area.weight == 1]
        return np.corrcoef(before, after)[0, 1], after.std()

    alike, spread = zip(*(relief(finish) for finish in ("matte", "satin", "gloss")), strict=True)
    assert min(alike) > 0.6
    assert spread[0] < spread[1] < spread[2]


def test_everything_is_transparent_at_zero_and_grows_with_opacity(face):
    before = LARGE.copy()
    assert np.array_equal(dressed(LARGE, look="glam", opacity=0), before)
    amounts = [np.abs(dressed(LARGE, look="glam", opacity=o).astype(int) - before).mean() for o in (0.2, 0.5, 1.0)]
    assert all(low < high for low, high in pairwise(amounts))


@pytest.mark.parametrize("kind", ["eyeliner", "eyeshadow", "blush", "brows", "iris"])
def test_each_kind_changes_its_own_place(kind, face):
    touched = changed(LARGE, dressed(LARGE, **{kind: "#2040c0"}), 2)
    left, top, right, bottom = face.box
    rows, columns = np.nonzero(touched)
    assert len(rows) > 30
    assert columns.min() > left - 20
    assert columns.max() < right + 20
    middle = top + 0.62 * (bottom - top)
    assert rows.max() < (middle if kind != "blush" else bottom)
    assert columns.min() < face.centre[0] < columns.max(), "both sides"


def test_closed_eyes_get_no_iris(face):
    closed = face.points.copy()
    for eye in (anatomy.RIGHT_EYE, anatomy.LEFT_EYE):
        upper, lower = eye[1:8], eye[15:8:-1]
        closed[upper] = closed[lower] = (closed[upper] + closed[lower]) / 2
    patch = Patch(LARGE, face.moved(closed))
    before = patch.picture.copy()
    makeup.iris(patch, RED, 1.0)
    assert np.abs(patch.picture - before).max() < 0.02


def test_smoothing_evens_skin_but_keeps_eyes_and_edges(face):
    noisy = np.clip(LARGE + np.random.default_rng(1).normal(0, 9, LARGE.shape), 0, 255).astype(np.uint8)
    after = dressed(noisy, smooth_skin=1)
    cheek = inside(LARGE.shape, face.points[[117, 118, 101, 36, 205, 187, 123]])

    def grain(image):
        return (image - cv2.GaussianBlur(image.astype(np.float32), (0, 0), 4))[cheek].std()

    assert 0.3 * grain(noisy) < grain(after) < 0.8 * grain(noisy)
    assert changed(noisy, after)[inside(LARGE.shape, face.points[anatomy.RIGHT_IRIS[1:]])].mean() < 0.2


def test_deep_and_transparent_pictures_look_the_same():
    plain = dressed(PORTRAIT, look="clown", wear=["crown"])
    deep = dressed(PORTRAIT.astype(np.uint16) * 257, look="clown", wear=["crown"])
    assert deep.dtype == np.uint16
    assert np.abs(plain.astype(int) - deep // 257).mean() < 1.5
    alpha = np.full(PORTRAIT.shape[:2], 77, np.uint8)
    clear = dressed(np.dstack([PORTRAIT, alpha]), look="clown", wear=["crown"])
    assert np.array_equal(clear[..., 3], alpha)
    assert np.array_equal(clear[..., :3], plain)


@pytest.mark.parametrize("yaw", [-35, 0, 35])
def test_unfolding_a_turned_face_finds_the_places_of_its_points(yaw):
    face = turned(yaw=yaw)
    places, seen = unfold(face.points[:SKIN], 400, 400)
    assert 0.15 < seen.mean() < 0.8
    nose = np.rint(face.points[anatomy.NOSE_TIP, :2]).astype(int)
    assert np.abs(places[nose[1], nose[0]] - canonical().places[anatomy.NOSE_TIP]).max() < 0.02
    near_side = 50 if yaw > 0 else 280
    for point in (9, 151, 175, near_side):
        x, y = np.rint(face.points[point, :2]).astype(int)
        assert np.abs(places[y, x] - canonical().places[point]).max() < 0.04, point


def test_paint_spares_eyes_and_open_mouth(face):
    patch = Patch(LARGE, face)
    before = patch.picture.copy()
    Paint(np.full((64, 64, 4), (0, 255, 0, 255), np.uint8)).put_on(patch, 1.0, relief=0)
    green = patch.picture[..., 1] - patch.picture[..., 0] > 0.4
    eye = cv2.erode(inside(patch.picture.shape, patch.points[anatomy.RIGHT_EYE]).astype(np.uint8), np.ones((5, 5))) > 0
    mouth = inside(patch.picture.shape, bent(patch.points[anatomy.LIPS_INNER]))
    cheek = inside(patch.picture.shape, patch.points[[117, 118, 101, 36, 205, 187, 123]])
    assert green[cheek].all()
    assert not green[eye].any()
    assert green[cv2.erode(mouth.astype(np.uint8), np.ones((3, 3))) > 0].mean() < 0.1
    outline = inside(patch.picture.shape, patch.points[anatomy.OVAL])
    outside = ~(cv2.dilate(outline.astype(np.uint8), np.ones((9, 9))) > 0)
    assert np.array_equal(patch.picture[outside], before[outside])


def test_the_template_fits_the_paint():
    drawn = template(256)
    assert drawn.shape == (256, 256, 4)
    assert set(PAINTS) <= {outfit.painted for outfit in LOOKS.values()}
    lips = np.rint(canonical().places[anatomy.LIPS_OUTER] * 1024).astype(int)
    clown = paint("clown")
    assert clown[lips[:, 1], lips[:, 0], 3].min() > 200
    assert clown[:60].max() == 0, "nothing above the forehead"


def test_the_command_that_draws_the_layout(tmp_path, capsys):
    def run(*words):
        with pytest.raises(SystemExit) as left:
            cli.main(["faces", *map(str, words)])
        return left.value.code or 0, capsys.readouterr().err

    out = tmp_path / "layout.png"
    assert run("--layout", out)[0] == 0
    assert cv2.imread(str(out), cv2.IMREAD_UNCHANGED).shape == (2048, 2048, 4)
    for words, complaint in (
        ([out], "exists already"),
        ([tmp_path / "layout.mp4"], "should end in .png"),
        ([tmp_path / "no" / "layout.png"], "There is no folder"),
        ([tmp_path / "new.png", out], "give it alone"),
    ):
        status, said = run("--layout", *words)
        assert status == 2
        assert complaint in said
    assert run("--layout", out, "--overwrite")[0] == 0


@pytest.mark.parametrize("name", sorted(THINGS))
def test_things_are_worn_where_they_belong(name):
    face, canvas = turned(), np.full((420, 400, 3), 128, np.uint8)
    after = canvas.copy()
    for piece in thing(name):
        Worn(piece).put_on(after, face, 1.0, 1.0)
    rows, columns = np.nonzero(changed(canvas, after))
    assert len(rows) > 200
    assert abs((columns.min() + columns.max()) / 2 - 200) < 12, "in the middle"
    above = {"crown", "party-hat", "cat-ears", "dog"}
    assert (rows.min() < face.points[10, 1]) == (name in above)


def test_glasses_follow_the_head_and_show_one_bar():
    glasses = Worn(thing("round-glasses")[0])
    widths = []
    for yaw in (0, 25, 45):
        canvas = np.full((420, 400, 3), 255, np.uint8)
        after = canvas.copy()
        face = turned(yaw=yaw)
        glasses.put_on(after, face, 1.0, 1.0)
        columns = np.nonzero(changed(canvas, after, 60))[1]
        eyes = face.points[[33, 133, 362, 263], 0]
        assert columns.min() < eyes.min() < eyes.max() < columns.max() + 8
        widths.append(np.ptp(eyes))
    assert widths[0] > widths[1] > widths[2]
    head = Head(turned(yaw=45))
    assert head.facing(np.array([0, 0, -1])) == 1
    assert head.facing(np.array([0, 0, 1])) == 0
    assert head.facing(np.array([-1, 0, 0])) != head.facing(np.array([1, 0, 0]))


def test_stickers_come_in_pairs_at_the_ears_and_can_be_moved():
    sticker = np.full((20, 20, 4), (255, 0, 0, 255), np.uint8)
    anchor = ANCHORS["ears"]
    canvas = np.full((420, 400, 3), 128, np.uint8)

    def middle(face, **options):
        after = canvas.copy()
        Worn(Piece(sticker, "ears", anchor.width, faces=anchor.faces), **options).put_on(after, face, 1.0, 1.0)
        touched = changed(canvas, after).astype(np.uint8)
        return cv2.connectedComponentsWithStats(touched)[3][1:]

    assert len(middle(turned())) == 2
    assert len(middle(turned(yaw=50))) == 1, "the far ear is behind the head"
    lower = middle(turned(), shift=(0, 2)).mean(0) - middle(turned()).mean(0)
    assert 35 < lower[1] < 45, "two centimetres of twenty pixels"


def test_what_is_outside_of_the_picture_is_left_out(face):
    for shift in ((-400, 0), (0, -500), (900, 900)):
        image = LARGE.copy()
        dresser = Dresser(replace(LOOKS["cat"], wear=tuple(THINGS), lipstick="red", blush="red", smooth_skin=0.5))
        dresser.put_on(image, face.moved(face.points + np.array([*shift, 0], np.float32)))
        assert image.shape == LARGE.shape


def test_options_go_over_the_look():
    assert Mask(look="glam")._outfit() == LOOKS["glam"]
    assert Mask(look="glam", lipstick="transparent")._outfit().lipstick == "transparent"
    assert Mask(look="cat", wear=["crown"])._outfit().wear == ("cat-ears", "crown")
    again = Mask.model_validate_json(Mask(look="glam").model_dump_json())
    assert again._outfit() == LOOKS["glam"]
    assert Mask()._outfit() == Outfit()


def test_nothing_to_put_on_and_missing_files_are_said(tmp_path):
    with pytest.raises(UseError, match="Nothing says what to put on"):
        Mask().output(spec_of(PORTRAIT))
    for option in ("paint", "sticker", "face"):
        with pytest.raises(UseError, match="nowhere"):
            Mask(look="glam", **{option: str(tmp_path / "nowhere.png")}).output(spec_of(PORTRAIT))
    with pytest.raises(UseError, match="lipstick"):
        Mask(lipstick="reddish")
    assert "mask" in Mask(look="dog").synthesis


@pytest.mark.parametrize("option", ["paint", "sticker"])
def test_films_are_not_put_on(tmp_path, option):
    film = write_clip(tmp_path / "film.mkv", frames=3)
    with pytest.raises(UseError, match=r"film\.mkv is a film, not a picture"):
        Mask(**{option: film}).output(spec_of(PORTRAIT))


def test_paint_without_transparent_parts_is_warned_of_once(tmp_path, caplog):
    opaque, clear = tmp_path / "opaque.png", tmp_path / "clear.png"
    cv2.imwrite(str(opaque), np.full((32, 32, 3), 90, np.uint8))
    cv2.imwrite(str(clear), template(32))
    with caplog.at_level(logging.WARNING, "melies"):
        for path in (opaque, clear, opaque):
            Mask(paint=path).output(spec_of(PORTRAIT))
    (record,) = caplog.records
    assert "opaque.png has no transparent parts" in record.getMessage()


@pytest.mark.parametrize("option", [{"anchor": "hat"}, {"scale": 3}, {"x": 1}, {"y": 1}, {"turn": 9}])
def test_options_of_stickers_need_one(option):
    with pytest.raises(UseError, match=f"--{next(iter(option))} is for a sticker: give one with --sticker"):
        Mask(look="cat", **option)
    Mask(look="cat", sticker="badge.png", **option)


def test_new_faces_are_looked_for_more_often_in_a_render(monkeypatch):
    asked = []
    monkeypatch.setattr(company, "Tracker", lambda most, every: asked.append(every) or faces.Tracker(most))
    frame, effect = Frame(PORTRAIT, 0, TICK, 1), Mask(look="glam")
    list(effect.apply(iter([frame]), spec_of(PORTRAIT)))
    list(effect.steered(iter([frame]), spec_of(PORTRAIT), lambda: effect))
    assert asked == [2, 8]


def test_a_setting_can_be_turned_while_it_runs():
    frames = [Frame(PORTRAIT.copy(), index, TICK, 1) for index in range(4)]
    first, second = Mask(look="clown"), Mask(look="glam")
    shown = iter([first, first, second, second])
    made = list(Mask(look="clown").steered(iter(frames), spec_of(PORTRAIT), lambda: next(shown)))
    clown, glam = (dressed(PORTRAIT, look=look) for look in ("clown", "glam"))
    for frame, near, far in zip(made, (clown, clown, glam, glam), (glam, glam, clown, clown), strict=True):
        assert np.abs(frame.image.astype(int) - near).mean() < 0.3 * np.abs(frame.image.astype(int) - far).mean()


def test_make_up_is_still_on_a_still_face():
    rng = np.random.default_rng(0)
    noisy = [np.clip(PORTRAIT + rng.normal(0, 6, PORTRAIT.shape), 0, 255).astype(np.uint8) for _ in range(8)]
    frames = [Frame(image, index, TICK, 1) for index, image in enumerate(noisy)]

    def wander(steady):
        made = run(Mask(wear=["sunglasses"], steady=steady), frames, spec_of(PORTRAIT))
        dark = [(frame.image[80:125, 20:170].max(-1) < 40).astype(np.uint8) for frame in made]
        middles = [cv2.moments(one, binaryImage=True) for one in dark]
        return np.std([m["m10"] / m["m00"] for m in middles])

    assert wander(1.0) < wander(0)


def behind_a_sheet(occlusion, **options):
    """The last of some frames, in which a sheet comes before the lower half of the face: filmed, made, and where."""
    left, top, right, bottom = map(int, faces.find(PORTRAIT, 1)[0].box)
    sheet = slice((top + bottom) // 2, bottom), slice(left + 10, right - 10)
    hidden = PORTRAIT.copy()
    hidden[sheet] = 225
    hidden[sheet][::6] = 40
    if options.pop("alpha", False):
        hidden = np.dstack([hidden, np.full(hidden.shape[:2], 128, np.uint8)])
    plain = np.dstack([PORTRAIT, np.full(PORTRAIT.shape[:2], 128, np.uint8)]) if hidden.shape[2] == 4 else PORTRAIT
    frames = [Frame(image, index, TICK, 1) for index, image in enumerate([plain] * 12 + [hidden])]
    made = run(Mask(look="clown", occlusion=occlusion, **options), frames, spec_of(hidden))[-1].image
    return hidden, made, tuple(slice(part.start + 8, part.stop - 8) for part in sheet)


@pytest.mark.parametrize("options", [{}, {"wear": ["moustache"]}, {"alpha": True}])
def test_what_comes_before_a_face_is_not_painted(options):
    painted, kept = (
        np.abs(made[inside].astype(int) - hidden[inside])
        for hidden, made, inside in (behind_a_sheet(occlusion, **options) for occlusion in (False, True))
    )
    assert kept.mean() < 3
    assert painted.mean() > 10


def test_the_rest_of_the_face_stays_painted():
    hidden, made, inside = behind_a_sheet(True)
    _, top, *_ = map(int, faces.find(PORTRAIT, 1)[0].box)
    assert changed(hidden, made, 20)[top + 20 : inside[0].start - 30, inside[1]].mean() > 0.5


def test_each_face_has_its_own_things_before_it():
    both = np.hstack([PORTRAIT, PORTRAIT])
    frames = [Frame(both, index, TICK, 1) for index in range(14)]
    made, alone = (run(Mask(look="clown", occlusion=on), frames, spec_of(both)) for on in (True, False))
    for one, other in zip(made, alone, strict=True):
        assert np.array_equal(one.image, other.image), "nothing is before either"


def test_hands_stay_before_paint(footage):
    clip = melies.open(footage / "footage" / "WolfgangLanger_Pexels.mp4", start=4.8, end=5.2)
    seen = [frame.image for frame in clip.frames()]
    kept, painted = (
        [frame.image for frame in clip.apply(Mask(look="clown", occlusion=on)).frames()] for on in (True, False)
    )
    fewer = [
        changed(image, one, 20).mean() / changed(image, other, 20).mean()
        for image, one, other in zip(seen, kept, painted, strict=True)
    ]
    assert np.median(fewer) < 0.9


def test_on_real_footage(footage):
    clip = melies.open(footage / "faces" / "driving" / "d10.mp4", end=0.1).apply(Mask(look="glam"))
    assert all(frame.image.shape == clip.spec.shape for frame in clip.frames())
