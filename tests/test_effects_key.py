"""The chroma keyer, against a composite whose alpha is known."""

import logging
from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies.effects._screen import WINDOW
from melies.effects.key import Key
from melies.errors import UseError
from melies.frame import Frame, VideoSpec

SCREENS = {"green": (40, 177, 76), "blue": (30, 80, 190)}
TICK = Fraction(1, 25)


def scene(kind="green", *, size=(320, 180), uneven=0.5, noise=2.0, spill=0.0, shift=0, seed=0):
    """A figure with skin, a red shirt and grey hair before an unevenly lit screen.

    Returns the composite, its alpha, the figure alone and the screen, all but the first as floats of 0…255 or 0…1.
    """
    width, height = size
    rng = np.random.default_rng(seed)
    big = 4
    alpha = np.zeros((height * big, width * big), np.uint8)
    figure = np.zeros((height * big, width * big, 3), np.uint8)

    def draw(shape, *place, colour, thickness=-1):
        shape(alpha, *place, 255, thickness)
        shape(figure, *place, colour, thickness + 8 if thickness > 0 else -1)

    centre = (int((width / 2 + shift) * big), int(0.42 * height * big))
    body = (centre[0], int(1.05 * height * big)), (int(0.22 * width * big), int(0.38 * height * big)), 0, 0, 360
    draw(cv2.ellipse, *body, colour=(150, 40, 45))
    for _ in range(250):
        angle = rng.uniform(np.pi * 0.9, np.pi * 2.1)
        lean, far, grey = angle + rng.normal(0, 0.25), rng.uniform(0.2, 0.34), int(rng.uniform(60, 170))
        ends = [
            (int(centre[0] + r * height * big * np.cos(a)), int(centre[1] + r * height * big * np.sin(a)))
            for r, a in ((0.13, angle), (far, lean))
        ]
        draw(cv2.line, *ends, colour=(grey,) * 3, thickness=int(rng.integers(1, 4)))
    head = centre, (int(0.15 * height * big), int(0.2 * height * big)), 0, 0, 360
    draw(cv2.ellipse, *head, colour=(205, 150, 125))
    drawn = (figure.max(axis=2) > 0).astype(np.float32)
    weight = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
    figure = cv2.resize(figure * drawn[..., None], size, interpolation=cv2.INTER_AREA)
    figure /= np.maximum(weight, 1e-3)[..., None]
    alpha = cv2.resize(alpha / np.float32(255), size, interpolation=cv2.INTER_AREA)
    down, across = np.mgrid[:height, :width]
    light = 1 - uneven * (0.6 * across / width + 0.4 * (down / height) ** 2)
    screen = np.array(SCREENS[kind]) * light[..., None]
    lit = figure.copy()
    channel = 1 if kind == "green" else 2
    lit[..., channel] += spill * (255 - figure[..., channel]) * cv2.GaussianBlur(1 - alpha, (0, 0), 6)
    mixed = alpha[..., None] * lit + (1 - alpha[..., None]) * screen + rng.normal(0, noise, figure.shape)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8), alpha, figure, screen


def key(*images, **options):
    height, width, channels = images[0].shape
    depth = 8 * images[0].itemsize
    spec = VideoSpec(width, height, Fraction(25), TICK, depth=depth, alpha=channels == 4)
    effect = Key(**options)
    frames = [Frame(image.copy(), index, TICK, 1) for index, image in enumerate(images)]
    out = [frame.image for frame in effect.apply(iter(frames), spec)]
    assert all(image.shape == effect.output(spec).shape for image in out)
    assert all(image.dtype == images[0].dtype for image in out)
    return out


def naive(image):
    """What a keyer does that compares with one colour."""
    border = np.concatenate([image[:8].reshape(-1, 3), image[:, :8].reshape(-1, 3)])
    return (np.abs(image - np.median(border, axis=0)).max(axis=2) > 60).astype(float)


def errors(matte, alpha):
    """Mean squared error, and sum of absolute differences as a share of the soft pixels."""
    soft = ((alpha > 0) & (alpha < 1)).sum()
    return ((matte - alpha) ** 2).mean(), np.abs(matte - alpha).sum() / soft


@pytest.mark.parametrize("kind", ["green", "blue"])
@pytest.mark.parametrize("uneven", [0, 0.5])
def test_the_matte_is_near_the_truth_and_far_better_than_a_threshold(kind, uneven):
    image, alpha, _, _ = scene(kind, uneven=uneven)
    (result,) = key(image)
    square, soft = errors(result[..., 3] / 255, alpha)
    plain_square, plain_soft = errors(naive(image), alpha)
    assert square < 0.002
    assert soft < 0.1
    assert square < plain_square / 5
    assert soft < plain_soft / 2.5


@pytest.mark.parametrize("kind", ["green", "blue"])
def test_the_screen_is_empty_and_the_subject_solid(kind):
    image, alpha, _, _ = scene(kind)
    (result,) = key(image)
    assert result[..., 3][alpha == 0].mean() < 0.5
    assert result[..., 3][alpha == 1].mean() > 254


@pytest.mark.parametrize("kind", ["green", "blue"])
def test_the_plate_is_the_screen_itself(kind):
    image, alpha, _, screen = scene(kind)
    (plate,) = key(image, output="plate")
    assert np.abs(plate - screen).mean() < 2
    assert np.abs(plate - screen)[alpha > 0].mean() < 4


def test_soft_edges_get_the_subjects_own_colour():
    image, alpha, figure, _ = scene()
    (result,) = key(image)
    soft = (alpha > 0.2) & (alpha < 0.9)
    raw = np.abs(image.astype(float) - figure)[soft].mean()
    assert np.abs(result[..., :3].astype(float) - figure)[soft].mean() < raw / 2.5


@pytest.mark.parametrize("kind", ["green", "blue"])
def test_spill_is_taken_off_grey_hair(kind):
    image, alpha, figure, _ = scene(kind, spill=0.15)
    channel = 1 if kind == "green" else 2
    grey = (np.ptp(figure, axis=2) < 2) & (alpha > 0.5)
    others = [c for c in range(3) if c != channel]

    def excess(picture):
        colours = picture[grey][:, :3].astype(float)
        return (colours[:, channel] - colours[:, others].max(axis=1)).mean()

    (clean,), (dirty,) = key(image), key(image, despill=0)
    assert excess(image) > 10
    assert excess(clean) < 1
    assert excess(clean) < excess(dirty)


@pytest.mark.parametrize("limit", ["balance", "average", "max"])
def test_despill_leaves_skin_and_cloth_alone(limit):
    image, alpha, figure, _ = scene()
    (result,) = key(image, despill_limit=limit)
    solid = cv2.erode(alpha, np.ones((5, 5))) == 1
    coloured = solid & (np.ptp(figure, axis=2) > 20)
    assert np.abs(result[coloured][:, :3].astype(int) - image[coloured]).mean() < 1


def test_a_green_spot_inside_the_body_is_closed_by_the_core():
    image, _, _, _ = scene()
    spot = image.copy()
    cv2.circle(spot, (160, 150), 3, (90, 132, 90), -1)
    (loose,), (tight,) = key(spot, core=0), key(spot)
    assert loose[150, 160, 3] < 200
    assert tight[150, 160, 3] == 255


def test_specks_on_the_screen_go():
    image, _, _, _ = scene()
    image[20:22, 20:22] = (120, 120, 120)
    (kept,), (gone,) = key(image, specks=0), key(image, specks=0.05)
    assert kept[20, 20, 3] > 200
    assert gone[20, 20, 3] == 0


def test_the_matte_stands_still_while_noise_moves():
    mattes = [image[..., 3] / 255 for image in key(*(scene(seed=0, noise=0)[0],) * 3)]
    assert np.abs(mattes[0] - mattes[2]).max() < 0.01
    rng = np.random.default_rng(1)
    clean = scene(noise=0)[0].astype(float)
    noisy = [np.clip(np.rint(clean + rng.normal(0, 3, clean.shape)), 0, 255).astype(np.uint8) for _ in range(6)]
    mattes = [image[..., 3] / 255 for image in key(*noisy)]
    assert np.mean([np.abs(a - b).mean() for a, b in zip(mattes[1:], mattes, strict=False)]) < 0.004


def test_the_lead_in_makes_a_late_start_exact():
    images = [scene(size=(96, 54), shift=index, seed=3)[0] for index in range(2 * WINDOW + 4)]
    whole = key(*images)
    lead = Key().lead_in
    late = key(*images[-1 - lead :])
    assert np.array_equal(late[-1], whole[-1])


def test_a_dark_frame_border_does_not_hide_the_screen():
    image, alpha, _, _ = scene()
    boxed = image.copy()
    boxed[:20] = boxed[-20:] = 0
    (result,) = key(boxed)
    inside = np.s_[24:-24]
    assert errors(result[inside][..., 3] / 255, alpha[inside])[0] < 0.003


def test_sixteen_bits_agree_with_eight():
    image, _, _, _ = scene()
    (narrow,), (wide,) = key(image), key(image.astype(np.uint16) * 257)
    assert np.abs(wide[..., 3] / 257 - narrow[..., 3]).max() < 1.1


def test_alpha_that_was_there_stays():
    image, _, _, _ = scene()
    given = np.dstack([image, np.full(image.shape[:2], 128, np.uint8)])
    (result,) = key(given)
    assert result[..., 3].max() == 128


@pytest.mark.parametrize("output", ["composite", "matte", "cutout", "plate"])
def test_every_output_over_a_colour(output):
    image, alpha, _, _ = scene()
    (result,) = key(image, output=output, background="navy")
    assert result.shape[2] == (4 if output == "cutout" else 3)
    if output == "composite":
        assert np.abs(result[alpha == 0].astype(int) - (0, 0, 128)).mean() < 1
    if output == "matte":
        assert (result[..., 0] == result[..., 2]).all()


def test_masks_remove_and_keep(tmp_path):
    image, _, _, _ = scene()
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[:, :40] = 255
    cv2.imwrite(str(tmp_path / "left.png"), mask)
    cv2.imwrite(str(tmp_path / "all.png"), mask[:, ::-1] * 0 + 255)
    (kept,) = key(image, keep=tmp_path / "left.png")
    assert np.array_equal(kept[:, :39, :3], image[:, :39])
    assert (kept[:, :39, 3] == 255).all()
    (gone,) = key(image, garbage=tmp_path / "all.png")
    assert not gone[..., 3].any()
    with pytest.raises(UseError, match="does not exist"):
        key(image, keep=tmp_path / "none.png")


def test_growing_and_softening_brings_no_dark_rim():
    image, alpha, _, _ = scene()
    (result,) = key(image, shrink=-2, feather=4, background="white")
    rim = (cv2.dilate(alpha, np.ones((5, 5))) > 0.5) & (alpha == 0)
    rim[:90] = False
    assert result[rim].max(axis=1).mean() > 130


def test_shrinking_takes_from_the_edge():
    image, _, _, _ = scene()
    (plain,), (less,) = key(image), key(image, shrink=1.5)
    assert less[..., 3].sum() < plain[..., 3].sum()


def test_a_named_colour_is_used_and_judged():
    image, alpha, _, _ = scene(uneven=0.2)
    (result,) = key(image, colour="#28b14c")
    assert errors(result[..., 3] / 255, alpha)[0] < 0.003
    with pytest.raises(UseError, match="neither green nor blue"):
        key(image, colour="red")


def test_without_a_screen_the_picture_stays_whole_and_one_warning_says_so(caplog):
    image = np.full((40, 60, 3), (150, 120, 110), np.uint8)
    with caplog.at_level(logging.WARNING, "melies"):
        results = key(image, image)
    assert all((result[..., 3] == 255).all() for result in results)
    assert [record.name for record in caplog.records] == ["melies"]


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (17, 33)])
def test_tiny_pictures(size):
    image = np.full((size[1], size[0], 3), SCREENS["green"], np.uint8)
    (result,) = key(image)
    assert not result[..., 3].any()


def test_a_man_before_a_green_screen(footage):
    import av

    from melies.media.convert import to_image

    with av.open(str(footage / "faces/driving/d0.mp4")) as container:
        images = [to_image(frame) for _, frame in zip(range(4), container.decode(video=0), strict=False)]
    for image in key(*images):
        matte = image[..., 3] / 255
        assert matte[:40].max() < 0.05
        assert matte[200:400, 200:300].min() == 1
        assert 0.4 < matte.mean() < 0.6
        assert ((matte > 0.02) & (matte < 0.98)).mean() < 0.03
