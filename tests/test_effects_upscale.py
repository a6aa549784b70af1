"""`upscale`: likeness, tiles without seams, alpha without fringes, depth, steadiness, and the user's own networks."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

import melies
from melies.effects.upscale import Upscale
from melies.errors import ModelError, UseError
from melies.frame import Frame, VideoSpec
from melies.metrics import psnr, warp_error
from melies.models import runtime
from melies.models.convert.onnx_graph import Graph, Tensor
from melies.testing import run
from melies.upscaling import nets, outline
from melies.upscaling.enlarger import Enlarger, filled
from melies.upscaling.resample import resample

TICK = Fraction(1, 25)


@pytest.fixture(scope="module")
def astronaut():
    """A face of 128×128."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[40:168, 160:288])


def spec_of(image, count=1):
    depth = 8 if image.dtype == np.uint8 else 16
    return VideoSpec(
        image.shape[1], image.shape[0], 1 / TICK, TICK, depth=depth, alpha=image.shape[2] == 4, frames=count
    )


def upscaled(images, **options):
    frames = [Frame(image.copy(), index, TICK, 1) for index, image in enumerate(images)]
    return [frame.image for frame in run(Upscale(**options), frames, spec_of(images[0], len(images)))]


def texture(seed, height, width, smooth=1.5):
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), smooth)
    return np.clip(128 + 60 * soft / soft.std(), 0, 255).astype(np.uint8)


def test_resample_is_exact_on_what_it_must_keep():
    plane = np.full((13, 7), 77, np.uint8)
    assert (resample(plane, 20, 5) == 77).all()
    ramp = np.tile(np.arange(64, dtype=np.float32), (4, 1))
    half = resample(ramp, 32, 4)
    assert np.allclose(half[:, 4:-4], np.arange(32)[4:-4] * 2 + 0.5, atol=1e-4)
    stripes = np.tile(np.array([0, 255], np.uint8), (8, 40))
    assert np.ptp(resample(stripes, 30, 8)[:, 4:-4].astype(int)) < 16, "it aliases"


@pytest.mark.parametrize(("model", "scale", "gain"), [("span", 2, 2), ("span", 4, 2), ("fast", 2, 0.5)])
def test_it_beats_bicubic(astronaut, model, scale, gain):
    small = resample(astronaut, 128 // scale, 128 // scale)
    (made,) = upscaled([small], model=model, scale=scale)
    plain = resample(small, 128, 128)
    assert psnr(made, astronaut, luma=True) > psnr(plain, astronaut, luma=True) + gain


@pytest.mark.parametrize("scale", [1.5, 3, 5])
def test_any_scale(astronaut, scale):
    small = astronaut[:32, :41]
    (made,) = upscaled([small], scale=scale)
    assert made.shape == (round(32 * scale), round(41 * scale), 3)
    back = resample(made, 41, 32)
    assert psnr(back, small) > 30, "shrinking the result does not give the picture back"


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 40), (17, 5)])
@pytest.mark.parametrize("model", ["span", "fast"])
def test_the_smallest_pictures(size, model):
    image = np.full((*size, 3), 90, np.uint8)
    made = upscaled([image] * 2, model=model, scale=3, steady=0.5, sharpness=0.5, denoise=0.5)
    assert made[1].shape == (3 * size[0], 3 * size[1], 3)
    assert np.abs(made[1].astype(int) - 90).max() < 40


@pytest.mark.parametrize("model", ["span-x2", "span-x4", "animevideov3"])
def test_tiles_join_without_a_seam(astronaut, model, monkeypatch):
    picture = np.ascontiguousarray(astronaut[:64, :80])
    whole = nets.Net(model, 80, 64)
    assert len(nets.tiles(64, 80, whole._pixels)) == 1
    monkeypatch.setattr(nets, "PIXELS", 60 * 60)
    tiled = nets.Net(model, 80, 64, many=False)
    assert len(nets.tiles(64, 80, tiled._pixels)) > 3
    apart = np.abs(whole.enlarge(picture).astype(int) - tiled.enlarge(picture))
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-4


@pytest.mark.parametrize(
    ("height", "width", "pixels"), [(1080, 1920, 160_000), (63, 95, 9000), (5, 3, 1), (900, 8, 7000)]
)
def test_tiles_cover_everything_once_and_are_small(height, width, pixels):
    seen = np.zeros((height, width), int)
    for tile in nets.tiles(height, width, pixels):
        seen[tile.target(1)] += 1
        rows, columns = tile.outer
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        assert area <= max(pixels, (nets.GRID + 2 * nets.OVERLAP) ** 2)
        assert tile.top % nets.GRID == tile.left % nets.GRID == 0
    assert (seen == 1).all()


def test_sixteen_bits_stay_sixteen_bits(astronaut):
    small = resample(astronaut, 64, 64)
    deep = small.astype(np.uint16) * 257
    deep[8:40] += 100  # finer than eight bits can say
    made, plain = upscaled([deep])[0], upscaled([small])[0]
    assert made.dtype == np.uint16
    assert len(np.unique(made % 257)) > 200, "the result has no more levels than eight bits"
    assert np.abs(made / 257 - plain).max() < 3


def test_hidden_colours_do_not_bleed_into_the_edge():
    disc = np.zeros((48, 48), np.uint8)
    cv2.circle(disc, (24, 24), 14, 255, -1, cv2.LINE_AA)
    image = np.dstack([np.full((48, 48, 3), (200, 180, 60), np.uint8), disc])
    image[disc == 0, :3] = (0, 0, 0)
    for model in ("span", "fast"):
        (made,) = upscaled([image], model=model, scale=4)
        shown = made[..., 3] > 0
        assert np.abs(made[shown][:, :3].astype(int) - (200, 180, 60)).max() <= 12, model
        assert (made[:20, :20, 3] == 0).all(), "haze in the corner"
        assert (made[88:104, 88:104, 3] == 255).all(), "a hole in the middle"


def test_alpha_is_as_sharp_as_colours(astronaut):
    disc = np.zeros((128, 128), np.uint8)
    cv2.circle(disc, (64, 64), 40, 255, -1, cv2.LINE_AA)
    small = np.dstack([resample(astronaut, 32, 32), resample(disc, 32, 32)])
    (made,) = upscaled([small], scale=4)
    wrong, plain = (
        np.abs(a.astype(int) - disc).mean() for a in (made[..., 3], resample(small[..., 3].copy(), 128, 128))
    )
    assert wrong < 0.6 * plain


@pytest.mark.parametrize("scale", [2, 4])
def test_a_hard_edge_gets_no_specks(astronaut, scale):
    fine = np.zeros((512, 512), np.uint8)
    cv2.circle(fine, (250, 262), 150, 255, -1)
    truth, small = (cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA) for side in (64 * scale, 64))
    hard = np.where(small >= 128, 255, 0).astype(np.uint8)
    made = upscaled([np.dstack([resample(astronaut, 64, 64), hard])], scale=scale)[0][..., 3]
    assert np.abs(made.astype(int) - truth).mean() < 1.5
    far = np.ones((2 * round(1.5 * scale) + 1,) * 2, np.uint8)
    even = cv2.erode(truth, far) == cv2.dilate(truth, far)
    assert np.array_equal(made[even], truth[even])


def test_lines_and_dots_of_a_pixel_stay_and_soft_alpha_stays_soft():
    alpha = np.zeros((40, 40), np.uint16)
    alpha[10] = alpha[20:30, 5] = alpha[25, 25] = 65535
    shrunk = cv2.resize(outline.enlarge(alpha, 120, 120), (40, 40), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk / 65535 - alpha / 65535).max() < 0.6
    assert (outline.hardness(alpha) == 1).all()
    ramp = np.tile(np.linspace(0, 255, 40).round().astype(np.uint8), (40, 1))
    assert (outline.hardness(ramp)[:, 8:-8] == 0).all()


def test_filling_reaches_far_and_keeps_what_is_shown():
    colours = texture(1, 40, 61)
    alpha = np.zeros((40, 61), np.uint8)
    alpha[3:5, 2:6] = 9
    made = filled(colours, alpha)
    assert np.array_equal(made[alpha > 0], colours[alpha > 0])
    around = colours[3:5, 2:6].reshape(-1, 3).astype(int)
    assert (made >= around.min(0) - 1).all()
    assert (made <= around.max(0) + 1).all()
    assert filled(colours, np.zeros_like(alpha)) is colours


def test_denoise_helps_a_noisy_picture(astronaut):
    rng = np.random.default_rng(3)
    small = resample(astronaut, 64, 64)
    noisy = np.clip(small + rng.normal(0, 12, small.shape), 0, 255).astype(np.uint8)
    scores = [psnr(upscaled([noisy], denoise=strength)[0], astronaut, luma=True) for strength in (0, 0.3, 0.8)]
    assert scores[0] + 0.5 < scores[1] < scores[2]


def test_sharpness_sharpens_without_halos():
    image = np.full((40, 40, 3), 60, np.uint8)
    image[:, 20:] = 180
    soft, sharp = (upscaled([image], model="fast", scale=3, sharpness=s)[0].astype(int) for s in (0, 1))
    assert np.abs(np.diff(sharp[60, :, 1])).max() > np.abs(np.diff(soft[60, :, 1])).max()
    assert sharp.min() >= soft.min()
    assert sharp.max() <= soft.max()


def moving(count=7, step=1, noise=6.0):
    """A texture that pans by whole pixels, with noise that is new in every frame, and the same without noise."""
    ground = texture(5, 80, 140, 2.5)
    rng = np.random.default_rng(8)
    clean = [np.ascontiguousarray(ground[:, step * i : step * i + 96]) for i in range(count)]
    return clean, [np.clip(c + rng.normal(0, noise, c.shape), 0, 255).astype(np.uint8) for c in clean]


def test_steady_takes_flicker_and_nothing_else():
    clean, noisy = moving()
    calm = [resample(image, 192, 160) for image in clean]
    loose, steady = (upscaled(noisy, model="fast", steady=s) for s in (0, 0.8))
    assert warp_error(steady, calm) < 0.7 * warp_error(loose, calm)
    for a, b, truth in zip(loose, steady, calm, strict=True):
        assert psnr(b, truth) > psnr(a, truth)


def test_steady_leaves_no_ghost_of_what_moves_fast():
    frames = []
    for index in range(6):
        image = texture(5, 80, 120, 2.5)
        cv2.rectangle(image, (4 + 19 * index, 30), (16 + 19 * index, 50), (250, 20, 20), -1)
        frames.append(image)
    alone, steady = (upscaled(frames, model="fast", steady=s) for s in (0, 1))
    for a, b in zip(alone, steady, strict=True):
        assert np.abs(a.astype(int) - b).max() < 25


def test_steady_does_not_look_over_a_cut():
    _, noisy = moving(6)
    cut = [*noisy[:3], *(255 - image for image in noisy[3:])]
    frames = [Frame(image.copy(), i, TICK, 1, cut=i in (0, 3)) for i, image in enumerate(cut)]
    effect = Upscale(model="fast", steady=1)
    whole = [f.image for f in run(effect, frames, spec_of(cut[0], 6))]
    halves = upscaled(cut[:3], model="fast", steady=1) + upscaled(cut[3:], model="fast", steady=1)
    assert all(np.array_equal(a, b) for a, b in zip(whole, halves, strict=True))


def test_a_start_in_the_middle_of_a_shot_is_exact():
    _, noisy = moving(8)
    effect = Upscale(model="fast", steady=0.7)
    whole = upscaled(noisy, model="fast", steady=0.7)
    late = upscaled(noisy[4 - effect.lead_in :], model="fast", steady=0.7)[effect.lead_in :]
    assert all(np.array_equal(a, b) for a, b in zip(whole[4:], late, strict=True))
    assert Upscale().lead_in == 0


def test_sizes():
    spec = VideoSpec(64, 48, Fraction(25), TICK, pixel_aspect=Fraction(4, 3))
    assert (Upscale().output(spec).width, Upscale().output(spec).height) == (128, 96)
    assert Upscale().output(spec).pixel_aspect == Fraction(4, 3)
    wide = Upscale(width=256).output(spec)
    assert (wide.width, wide.height, wide.pixel_aspect) == (256, 144, 1)
    both = Upscale(width=1000, height=96).output(spec)
    assert (both.width, both.height) == (171, 96)


def test_the_net_suits_the_scale():
    assert Upscale().models() == ("span-x2",)
    assert Upscale(scale=2.5).models() == ("span-x4",)
    assert Upscale(scale=8).models() == ("span-x4",)
    assert Upscale(width=99).models() == ("span-x2", "span-x4")
    assert Upscale(model="animevideov3").models() == ("animevideov3",)
    assert Upscale(model="fast").models() == Upscale(scale=1).models() == ()


def test_workers_share_memory_and_cores():
    with runtime.options(threads=8):
        assert nets.plan(160, 120, 1000) == nets.Plan(4, 2, 30_000)
        assert nets.plan(640, 480, 1000) == nets.Plan(1, 8, 120_000)
        assert nets.plan(160, 120, 1000, many=False) == nets.Plan(1, 8, 120_000)
        assert nets.plan(160, 120, 1 << 24) == nets.Plan(2, 4, 20_000)


def network(path, scale=2, channels=3):
    """An ONNX network that repeats every pixel, and so can be told from every other."""
    graph = Graph()
    graph.inputs.append(Tensor("picture", "float32", (1, channels, "h", "w")))
    scales = graph.constant([1, 1, scale, scale], "float32")
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    made = graph.add("Resize", "picture", "", scales, mode="nearest", **how)
    graph.outputs.append(Tensor(made, "float32", (1, channels, "h2", "w2")))
    path.write_bytes(graph.to_bytes())
    return path


def test_a_network_of_the_users(tmp_path):
    image = texture(2, 12, 15)
    (made,) = upscaled([image], model=network(tmp_path / "mine.onnx", 3), scale=3)
    assert np.array_equal(made, image.repeat(3, 0).repeat(3, 1))
    with pytest.raises(ModelError, match="RGB"):
        upscaled([image], model=network(tmp_path / "grey.onnx", 2, channels=1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "spam"}, "Did you mean span"),
        ({"scale": 2, "width": 100}, "not both"),
        ({"scale": 9}, "--scale"),
    ],
)
def test_options_that_make_no_sense(options, words):
    with pytest.raises(UseError, match=words):
        Upscale(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"width": 40}, "smaller"), ({"height": 4000}, "8 times"), ({"model": "gone.pth"}, "does not exist")],
)
def test_clips_that_do_not_suit(options, words):
    with pytest.raises(UseError, match=words):
        Upscale(**options).output(VideoSpec(64, 48, Fraction(25), TICK))


def test_scale_one_only_cleans(astronaut):
    (made,) = upscaled([astronaut], scale=1, denoise=0.5)
    assert made.shape == astronaut.shape
    assert not np.array_equal(made, astronaut)
    enlarger = Enlarger("span", (128, 128), (128, 128))
    assert np.array_equal(enlarger(astronaut), astronaut)


def test_real_footage(footage):
    clip = melies.open(footage / "footage" / "vtest.avi", end=0.15)
    frames = list(clip.frames())
    small = [resample(f.image, 96, 72) for f in frames]
    made = upscaled(small, scale=2, steady=0.5)
    truth = [resample(f.image, 192, 144) for f in frames]
    plain = [resample(image, 192, 144) for image in small]
    for a, b, c in zip(made, plain, truth, strict=True):
        assert psnr(a, c, luma=True) > psnr(b, c, luma=True) + 1.5
