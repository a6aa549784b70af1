"""`matte` and what it is built from: real pictures, and the properties each step promises."""

import pickle
from fractions import Fraction
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from melies.effects.matte import Matte
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.matting import guided
from melies.matting.body import Body, around
from melies.matting.clean import clean
from melies.matting.colour import Foreground, composite, cutout, edge, fuse
from melies.matting.nets import Rvm
from melies.matting.people import _Group, _tiles
from melies.matting.refine import Refiner
from melies.matting.scale import indices, reduce, unit, within
from melies.matting.steady import Steadier
from melies.square import Square


def astronaut(width=320, height=256):
    return cv2.resize(data.astronaut(), (width, height), interpolation=cv2.INTER_AREA)


def clip(*images, ticks=None):
    base = Fraction(1, 1000)
    ticks = ticks or [40 * number for number in range(len(images))]
    frames = [Frame(image.copy(), pts, base, 40) for image, pts in zip(images, ticks, strict=True)]
    height, width, channels = images[0].shape
    depth = 8 if images[0].dtype == np.uint8 else 16
    return frames, VideoSpec(width, height, Fraction(25), base, depth=depth, alpha=channels == 4)


def mattes(*images, **options):
    frames, spec = clip(*images)
    return [frame.image[..., 0] for frame in Matte(result="matte", **options).apply(iter(frames), spec)]


def moving(count=6):
    """The astronaut, slowly drifting and growing."""
    image = astronaut()
    height, width = image.shape[:2]
    moves = [np.float32([[1 + k / 100, 0, k], [0, 1 + k / 100, -k / 2]]) for k in range(count)]
    return [cv2.warpAffine(image, move, (width, height), borderMode=cv2.BORDER_REPLICATE) for move in moves]


# --- the effect on a real picture ------------------------------------------------------------------


def test_a_person_is_cut_out_whole():
    (alpha,) = mattes(astronaut())
    assert alpha[25:65, 120:160].min() == 255, "the face is solid"
    assert alpha[170:230, 80:160].min() == 255, "so is the suit"
    assert alpha[:40, :60].max() == 0, "the flag and the wall are gone"
    pieces, _, stats, _ = cv2.connectedComponentsWithStats((alpha > 127).astype(np.uint8))
    assert max((stats[k, 4] for k in range(1, pieces)), default=0) > 0.99 * stats[1:, 4].sum()


def test_a_moving_person_stays_whole_and_the_edge_goes_along():
    images = moving()
    alphas = mattes(*images)
    alone = mattes(images[-1])[0]
    assert np.mean(np.abs(alphas[-1].astype(int) - alone)) < 4, "what is remembered must not lag behind"


def street(left, side=180, width=854, height=480):
    """The astronaut, small before a wall, at the lower edge of the frame."""
    wall = cv2.resize(data.brick(), (width, height), interpolation=cv2.INTER_AREA)
    image = np.dstack([wall, wall, wall])
    image[height - side :, left : left + side] = astronaut(side, side)
    return image


def check_street(alpha, left):
    assert alpha[322:345, left + 70 : left + 85].mean() > 250, "the face"
    assert alpha[430:460, left + 55 : left + 85].mean() > 250, "the suit"
    assert alpha[:290].max() == 0
    assert alpha[:, : left - 10].max(initial=0) == 0
    assert alpha[:, left + 190 :].max() == 0


def test_somebody_small_is_found_and_solid():
    (alpha,) = mattes(street(500))
    check_street(alpha, 500)


def test_two_people_are_found():
    image = street(40)
    image[300:, 600:780] = astronaut(180, 180)
    (alpha,) = mattes(image)
    check_street(np.where(np.arange(854) < 400, alpha, 0), 40)
    check_street(np.where(np.arange(854) < 400, 0, alpha), 600)


def test_somebody_small_is_followed():
    places = range(40, 240, 40)
    for left, alpha in zip(places, mattes(*[street(left) for left in places]), strict=True):
        check_street(alpha, left)


def test_somebody_who_comes_in_is_found_before_long():
    alphas = mattes(*[street(500, side=1)] * 2, *[street(500)] * 20)
    assert alphas[0].max() == 0
    check_street(alphas[-1], 500)


@pytest.mark.parametrize("name", ["rocket", "brick", "grass", "immunohistochemistry", "page"])
def test_pictures_without_people_give_an_empty_matte(name):
    picture = getattr(data, name)()
    (alpha,) = mattes(picture if picture.ndim == 3 else np.dstack([picture] * 3))
    assert alpha.max() == 0


def test_nobody_is_nobody():
    (alpha,) = mattes(np.full((90, 160, 3), 128, np.uint8))
    assert alpha.max() == 0


@pytest.mark.parametrize("shape", [(16, 16), (1, 1), (33, 7), (101, 157), (300, 40)])
def test_any_size_will_do(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    frames, spec = clip(image, image)
    for frame in Matte(background="red").apply(iter(frames), spec):
        assert frame.image.shape == image.shape


def test_sixteen_bits_agree_with_eight():
    image = astronaut()
    (eight,), (sixteen,) = mattes(image), mattes(image.astype(np.uint16) * 257)
    assert sixteen.dtype == np.uint16
    assert np.mean(np.abs(eight / 255 - sixteen / 65535)) < 0.003


def test_alpha_that_was_there_is_kept():
    image = np.dstack([astronaut(), np.full((256, 320), 128, np.uint8)])
    frames, spec = clip(image)
    effect = Matte()
    (frame,) = effect.apply(iter(frames), spec)
    assert effect.output(spec).alpha
    assert abs(int(frame.image[90, 140, 3]) - 128) <= 1


def test_times_and_frames_are_left_alone():
    images = moving(3)
    frames, spec = clip(*images, ticks=[0, 13, 110])
    before = [frame.image.copy() for frame in frames]
    results = list(Matte().apply(iter(frames), spec))
    assert [frame.pts for frame in results] == [0, 13, 110]
    assert all(np.array_equal(frame.image, image) for frame, image in zip(frames, before, strict=True))


def test_two_runs_agree_and_closing_early_is_clean():
    frames, spec = clip(*moving(4))
    effect = pickle.loads(pickle.dumps(Matte(background="#204060")))
    first, second = (list(effect.apply(iter(frames), spec)) for _ in range(2))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))
    running = effect.apply(iter(frames), spec)
    next(running)
    running.close()


# --- its options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "alpha"),
    [
        ({}, True),
        ({"background": "white"}, False),
        ({"background": "blur:8"}, False),
        ({"background": "#ff000080"}, True),
        ({"output": "cutout", "background": "white"}, True),
        ({"output": "matte"}, False),
    ],
)
def test_what_is_declared_comes_out(options, alpha):
    frames, spec = clip(astronaut())
    effect = Matte(**options)
    (frame,) = effect.apply(iter(frames), spec)
    assert effect.output(spec).alpha is alpha
    assert frame.image.shape == effect.output(spec).shape


def test_the_background_shows_where_nobody_is():
    frames, spec = clip(astronaut())
    (frame,) = Matte(background="#204060").apply(iter(frames), spec)
    assert frame.image[5, 5].tolist() == [0x20, 0x40, 0x60]
    assert np.array_equal(frame.image[90, 140], frames[0].image[90, 140])


def test_a_picture_may_stand_behind(tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((20, 20, 3), (10, 20, 200), np.uint8))
    frames, spec = clip(astronaut())
    (frame,) = Matte(background=str(tmp_path / "wall.png")).apply(iter(frames), spec)
    assert frame.image[5, 5].tolist() == [200, 20, 10]


def test_masks_remove_and_keep(tmp_path):
    mask = np.zeros((256, 320), np.uint8)
    mask[:, :160] = 255
    cv2.imwrite(str(tmp_path / "left.png"), mask)
    (removed,) = mattes(astronaut(), garbage=tmp_path / "left.png")
    (kept,) = mattes(astronaut(), keep=tmp_path / "left.png")
    assert removed[:, :160].max() == 0
    assert removed[:, 160:].max() == 255
    assert kept[:, :160].min() == 255


def test_the_edge_can_be_moved_and_softened():
    image = astronaut()
    (plain,), (inwards,), (outwards,), (soft,) = (
        mattes(image, **options) for options in ({}, {"shrink": 3}, {"shrink": -3}, {"feather": 8})
    )
    assert (inwards > 127).sum() < (plain > 127).sum() < (outwards > 127).sum()
    assert len(edge(soft)) > 1.5 * len(edge(plain))


@pytest.mark.parametrize(
    "options", [{"background": "nosuch.png"}, {"garbage": "nosuch.png"}, {"background": "blur:-1"}]
)
def test_what_cannot_be_is_refused(options):
    _, spec = clip(astronaut())
    with pytest.raises(UseError):
        Matte(**options).output(spec)


@pytest.mark.parametrize("options", [{"model": "best"}, {"steady": 1}, {"clip_black": 0.7}, {"output": "mask"}])
def test_wrong_values_name_the_option(options):
    with pytest.raises(UseError, match="--" + next(iter(options)).replace("_", "-")):
        Matte(**options)


def test_models_are_named():
    assert Matte().models() == ("selfie", "body", "body-detector")
    assert Matte(model="rvm").models() == ("rvm",)


def test_the_recurrent_network_gets_its_own_state_back():
    asked = []

    class Session:
        def run(self, inputs):
            asked.append({name: value.shape for name, value in inputs.items()})
            height, width = inputs["src"].shape[1:3]
            states = {f"r{n}o": np.zeros((1, 4, 4, n), np.float32) for n in range(1, 5)}
            return {"pha": np.ones((1, height, width, 1), np.float32), **states}

    net, image = Rvm(Session()), astronaut(200, 30)
    maps = [net.step(image, image) for _ in range(2)]
    assert maps[0].shape == (30, 200)
    assert asked[0]["r3i"] == (1, 1, 1, 1)
    assert asked[1]["r3i"] == (1, 4, 4, 3)


# --- the steps -------------------------------------------------------------------------------------

maps = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@given(maps, st.integers(1, 5))
@settings(max_examples=20)
def test_a_guided_filter_leaves_a_constant_alone(random, radius):
    guide = random.random((23, 31, 3), np.float32)
    level = np.float32(random.random())
    fit = guided.coefficients(guide, np.full((23, 31), level, np.float32), radius, 1e-4)
    assert np.allclose(guided.evaluate(fit, guide), level, atol=1e-3)


@given(maps)
@settings(max_examples=10)
def test_a_guided_filter_finds_a_linear_relation(random):
    guide = random.random((40, 40, 3), np.float32)
    rough = guide @ np.float32([0.2, 0.5, 0.1]) + np.float32(0.1)
    fit = guided.coefficients(guide, rough, 4, 1e-6)
    assert np.allclose(guided.evaluate(fit, guide), rough, atol=0.01)


def test_a_guided_filter_is_the_same_in_strips():
    guide = np.random.default_rng(1).random((700, 90, 3), np.float32)
    rough = cv2.GaussianBlur(guide[..., 0], (0, 0), 3)
    whole = guided._coefficients(guide, rough, 4, 1e-4)
    assert np.allclose(guided.coefficients(guide, rough, 4, 1e-4), whole, atol=1e-4)


def test_a_rough_edge_snaps_to_the_picture():
    image = np.full((120, 160, 3), 40, np.uint8)
    image[:, 80:] = 220
    rough = cv2.GaussianBlur((np.indices((120, 160))[1] >= 80).astype(np.float32), (0, 0), 3)
    alpha = Refiner().full(image, image, rough) / 255
    truth = image[..., 0] > 100
    assert np.abs(alpha - truth).sum() < 0.5 * np.abs(rough - truth).sum()


def test_the_refined_matte_is_exact_away_from_the_edge():
    image = astronaut()
    rough = np.zeros((128, 160), np.float32)
    rough[40:100, 50:110] = 1
    alpha = Refiner().full(image, reduce(image, 160, 128), rough)
    assert alpha[:40].max() == 0
    assert alpha[120:160, 140:180].min() == 255


@given(maps)
@settings(max_examples=20)
def test_fusing_explains_the_picture(random):
    alpha, over, under = random.random((50, 1)), random.random((50, 3)), random.random((50, 3))
    seen = alpha * over + (1 - alpha) * under
    assert np.allclose(fuse(seen, alpha, over, under), over), "true guesses stay"
    wrong = fuse(seen, alpha, over + 0.1, under)
    assert np.all(np.abs(wrong - over) <= 0.1 + 1e-9), "wrong ones get no worse"


def test_the_old_background_leaves_the_edge():
    alpha = cv2.GaussianBlur((np.indices((80, 120))[1] > 60).astype(np.float32) * 255, (0, 0), 4)
    alpha = np.where(alpha < 3, 0, np.where(alpha > 252, 255, alpha)).astype(np.uint8)
    share = alpha[..., None] / 255
    image = np.rint(share * (200, 60, 40) + (1 - share) * (20, 220, 30)).astype(np.uint8)
    places = edge(alpha)
    clean_, _ = Foreground(image, alpha, 1.0).at(places)
    dirty, _ = Foreground(image, alpha, 0.0).at(places)
    truth = np.array((200, 60, 40)) / 255
    solid = alpha.ravel()[places] > 40
    assert np.abs(clean_ - truth)[solid].mean() < 0.5 * np.abs(dirty - truth)[solid].mean()
    over = composite(image, alpha, np.full_like(image, (0, 0, 255)), 1.0)
    expected = share * (200, 60, 40) + (1 - share) * (0, 0, 255)
    assert np.abs(over - expected).mean() < 3


def test_a_cutout_keeps_solid_pixels_and_ends_black():
    image = astronaut()
    alpha = np.zeros(image.shape[:2], np.uint8)
    cv2.circle(alpha, (150, 120), 60, 255, -1, cv2.LINE_AA)
    result = cutout(image, alpha, 1.0)
    assert np.array_equal(result[..., 3], alpha)
    assert np.array_equal(result[alpha == 255][:, :3], image[alpha == 255])
    assert result[0, -1].tolist() == [0, 0, 0, 0]


def test_a_still_edge_flickers_less_and_a_moving_one_does_not_lag():
    random = np.random.default_rng(3)
    picture = np.full((90, 120, 3), 60, np.uint8)
    cv2.circle(picture, (60, 45), 25, (220, 180, 150), -1)
    truth = cv2.GaussianBlur((picture[..., 0] > 100).astype(np.float32), (0, 0), 1.5)
    edges = np.abs(truth - 0.5) < 0.45
    steadier = Steadier(0.8)
    noisy = [np.where(edges, truth + random.normal(0, 0.1, truth.shape), truth).astype(np.float32) for _ in range(12)]
    steady = [steadier.step(one, picture) for one in noisy]
    assert np.std(steady[4:], axis=0)[edges].mean() < 0.6 * np.std(noisy[4:], axis=0)[edges].mean()
    gone = steadier.step(np.zeros_like(truth), np.full_like(picture, 60))
    assert gone.max() < 0.1, "who left the picture leaves nothing behind"


def test_islands_go_and_holes_are_filled():
    rough = np.zeros((120, 160), np.float32)
    cv2.circle(rough, (80, 70), 40, 1, -1)
    cv2.circle(rough, (80, 70), 5, 0.4, -1)
    cv2.circle(rough, (15, 15), 6, 0.7, -1)
    result = clean(rough, 4)
    assert result[:30, :30].max() == 0
    assert result[60:80, 70:90].min() == 1


def test_what_one_sees_through_stays_open():
    rough = np.zeros((120, 160), np.float32)
    cv2.circle(rough, (80, 60), 50, 1, -1)
    cv2.circle(rough, (80, 60), 18, 0.02, -1)
    assert clean(rough, 4)[60, 80] < 0.1


def test_a_second_person_stays():
    rough = np.zeros((120, 160), np.float32)
    cv2.circle(rough, (45, 70), 35, 0.95, -1)
    cv2.circle(rough, (125, 70), 20, 0.95, -1)
    assert clean(rough, 4)[70, 125] > 0.9


squares = st.builds(
    Square, st.floats(-50, 500), st.floats(-50, 500), st.floats(5, 300), st.floats(-3.1, 3.1, allow_nan=False)
)


@given(squares)
def test_a_square_maps_its_corners_onto_the_cut_out(square):
    turn, shift = square.matrix(256)[:, :2], square.matrix(256)[:, 2]
    centre = turn @ (square.x - 0.5, square.y - 0.5) + shift
    top = turn @ (
        square.x + square.radius * np.sin(square.angle) - 0.5,
        square.y - square.radius * np.cos(square.angle) - 0.5,
    )
    assert np.allclose(centre, 127.5)
    assert np.allclose(top + shift, (127.5, -0.5), atol=1e-6), "upright is towards the turned top"


@given(squares, st.floats(-3, 3))
def test_the_next_square_is_where_the_body_was_seen(square, angle):
    body = Square(square.x + 0.2 * square.radius, square.y - 0.1 * square.radius, square.radius * 0.7, angle)
    turn = square.matrix(256)
    rim = body.x + body.radius / 1.25 * np.sin(angle), body.y - body.radius / 1.25 * np.cos(angle)
    seen = [turn @ (x - 0.5, y - 0.5, 1) + 0.5 for x, y in ((body.x, body.y), rim)]
    found = around(square, *seen, 256)
    assert np.allclose((found.x, found.y, found.radius), (body.x, body.y, body.radius), atol=1e-6)
    assert np.allclose((np.sin(found.angle), np.cos(found.angle)), (np.sin(angle), np.cos(angle)))


def test_a_mask_comes_back_to_where_it_was_cut_out():
    image = np.zeros((200, 300, 3), np.uint8)
    cv2.ellipse(image, (150, 90), (40, 15), 30, 0, 360, (255, 255, 255), -1)
    square = Square(160, 100, 80, 0.4)
    back = square.paste(square.cut(image, 256)[..., 0], 300, 200)
    assert np.abs(back - image[..., 0] / 255).mean() < 0.005


def test_two_squares_that_show_one_person_count_once():
    mask = np.zeros((256, 256), np.float32)
    cv2.circle(mask, (128, 128), 60, 1, -1)
    group = _Group(300, 200, 0.5)
    for x in (200, 210, 400):
        place = Square(x, 200, 100)
        group.add(Body(place, 1.0, mask, place))
    assert [body.place.x for body in group.bodies] == [200, 400]
    assert group.map[100, 100] == group.map[100, 200] == 1


@pytest.mark.parametrize("size", [(1, 1), (640, 360), (1080, 1920), (5000, 10)])
def test_tiles_cover_the_frame(size):
    tiles = _tiles(*size)
    assert len(tiles) < 40
    for x, y in product((0.25, size[0] / 2, size[0] - 0.25), (0.25, size[1] / 2, size[1] - 0.25)):
        assert any(abs(x - tile.x) <= tile.radius and abs(y - tile.y) <= tile.radius for tile in tiles)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 700))
def test_sizes_are_brought_within(width, height, longest):
    across, down = within(width, height, longest)
    assert 1 <= max(across, down) <= longest


@given(st.lists(st.booleans(), max_size=70))
def test_indices_are_those_of_what_is_true(values):
    mask = np.array(values, bool)
    assert np.array_equal(indices(mask), np.flatnonzero(mask))


def test_unit_is_zero_to_one():
    assert unit(np.array([0, 255], np.uint8)).tolist() == [0, 1]
    assert unit(np.array([0, 65535], np.uint16)).tolist() == [0, 1]


# --- real footage, where there is some -------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["d0", "d3", "d9", "d10", "d19"])
def test_talking_heads_have_no_holes_and_no_islands(footage: Path, name: str):
    import melies

    film = melies.open(footage / "faces" / "driving" / f"{name}.mp4", end=1)
    for frame in film.apply(Matte(result="matte")).frames():
        body = (frame.image[..., 0] > 127).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(body)
        assert sorted(stats[1:, 4])[:-1] == [] or sorted(stats[1:, 4])[-2] < 0.01 * body.size
        _, _, holes, _ = cv2.connectedComponentsWithStats(1 - body, connectivity=4)
        inside = [s[4] for s in holes[1:] if s[0] > 0 and s[1] > 0 and s[1] + s[3] < body.shape[0]]
        assert sum(inside) < 0.01 * body.sum()
