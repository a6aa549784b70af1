from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies.cleaning import burst
from melies.cleaning.deconvolve import Motion, along, kernel_of, richardson_lucy, with_kernel
from melies.cleaning.pictures import to_picture
from melies.effects.deblur import Deblur
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import picture
from melies.metrics import psnr
from melies.testing import run


@pytest.fixture(scope="module")
def large():
    return pytest.importorskip("skimage.data").astronaut()


def codes(values):
    return np.clip(np.rint(255 * values), 0, 255).astype(np.uint8)


def blurred(image, kernel):
    return codes(with_kernel(kernel_of(kernel))[0](to_picture(image)))


def through(effect, images):
    height, width = images[0].shape[:2]
    spec = VideoSpec(width, height, Fraction(25), Fraction(1, 25))
    return [f.image for f in run(effect, [Frame(i.copy(), n, spec.time_base, 1) for n, i in enumerate(images)], spec)]


def test_what_is_sharp_is_taken_from_other_frames(large):
    sharp = [np.ascontiguousarray(large[40:168, 100 + 3 * i : 260 + 3 * i]) for i in range(3)]
    shaken = [
        blurred(image, kernel) for image, kernel in zip(sharp, ("line:8@0", "line:8@90", "line:8@45"), strict=True)
    ]
    for made, before, truth in zip(through(Deblur(reach=2), shaken), shaken, sharp, strict=True):
        assert psnr(made, truth) > psnr(before, truth) + 1.5


def test_a_sharp_frame_is_left_nearly_alone(large):
    sharp = np.ascontiguousarray(large[40:168, 100:260])
    made = through(Deblur(reach=1), [blurred(sharp, "gauss:2"), sharp, blurred(sharp, "gauss:3")])
    assert psnr(made[1], sharp) > 40
    assert psnr(made[0], sharp) > psnr(blurred(sharp, "gauss:2"), sharp) + 3


def test_a_cut_in_the_window_lends_nothing(large):
    one = blurred(np.ascontiguousarray(large[0:128, 100:260]), "gauss:2")
    other = 255 - one
    # Not marked as a cut: something else has just come before the camera.
    made = through(Deblur(reach=1), [one, other])
    assert psnr(made[0], one) > 35


def test_blocks_of_one_picture_are_that_picture():
    image = picture(151, 83, 0)
    assert np.abs(burst.accumulate([image, image]) - to_picture(image)).max() < 1e-5


@pytest.mark.parametrize("kernel", ["disk:2.5", "gauss:1.5", "line:7@30"])
def test_a_known_blur_is_undone(large, kernel):
    sharp = np.ascontiguousarray(large[40:168, 100:260])
    soft = blurred(sharp, kernel)
    (made,) = through(Deblur(method="deconvolve", kernel=kernel, smooth=0.001), [soft])
    assert psnr(made, sharp) > psnr(soft, sharp) + 2


def test_motion_is_found_and_undone(large):
    def at(moment):
        return cv2.warpAffine(
            large, np.array([[1, 0, -80 - 9 * moment], [0, 1, -40.0]]), (200, 140), flags=cv2.INTER_CUBIC
        )

    sharp = [at(n) for n in range(3)]
    shares = np.linspace(-0.25, 0.25, 11)
    soft = [codes(np.mean([at(n + share) / 255.0 for share in shares], 0)) for n in range(3)]
    made = through(Deblur(method="deconvolve", smooth=0.001), soft)
    assert psnr(made[1], sharp[1]) > psnr(soft[1], sharp[1]) + 1.5
    way = Motion().way(soft, 1)
    assert np.median(way, (0, 1)) == pytest.approx([-9, 0], abs=0.3)


def test_nothing_moves_in_one_frame():
    image = picture(96, 64, 0)
    assert not Motion().way([image], 0).any()
    (made,) = through(Deblur(method="deconvolve"), [cv2.GaussianBlur(image, (0, 0), 2)])
    assert psnr(made, cv2.GaussianBlur(image, (0, 0), 2)) > 35


def test_smoothness_holds_noise_down(large):
    sharp = to_picture(np.ascontiguousarray(large[40:168, 100:260]))
    blur, back = with_kernel(kernel_of("disk:2"))
    soft = np.clip(blur(sharp) + np.random.default_rng(0).normal(0, 0.02, sharp.shape).astype(np.float32), 0, 1)
    rough, smooth = (richardson_lucy(soft, blur, back, 20, weight) for weight in (0.0, 0.02))
    assert psnr(codes(smooth), codes(sharp)) > psnr(codes(rough), codes(sharp)) + 1.5


def test_the_way_back_is_the_transpose():
    random = np.random.default_rng(0)
    one, other = random.random((2, 40, 50, 3), np.float32)
    one[:12], one[-12:], one[:, :12], one[:, -12:] = 0, 0, 0, 0
    other[:12], other[-12:], other[:, :12], other[:, -12:] = 0, 0, 0, 0
    field = np.full((40, 50, 2), (4.0, 2.0), np.float32)
    for blur, back in (with_kernel(kernel_of("line:5@20")), along(field)):
        assert np.vdot(blur(one), other) == pytest.approx(np.vdot(one, back(other)), rel=1e-4)


def test_kernels():
    for text in ("disk:0.4", "disk:9", "gauss:3", "line:1", "line:30@45"):
        kernel = kernel_of(text)
        assert kernel.sum() == pytest.approx(1)
        assert np.abs(kernel - kernel[::-1, ::-1]).max() < 0.02, f"{text} is not centred"
    level, upright = kernel_of("line:9@0"), kernel_of("line:9@90")
    assert np.abs(level - upright.T).max() < 1e-6
    rising = kernel_of("line:9@45")
    half = len(rising) // 2
    assert rising[half - 2, half + 2] > 10 * rising[half + 2, half + 2]


@pytest.mark.parametrize("kernel", ["disk", "disk:0", "disk:3@20", "square:3", "line:a@3", "gauss:1000", "line:3@"])
def test_what_is_no_kernel_is_refused(kernel):
    if kernel == "line:3@":
        assert Deblur(method="deconvolve", kernel=kernel).kernel == kernel
        return
    with pytest.raises(UseError, match=r"kernel.*disk:RADIUS"):
        Deblur(kernel=kernel)


def test_half_the_amount_is_half_the_change(large):
    soft = [blurred(np.ascontiguousarray(large[40:136, 100:200]), "disk:2")]
    whole, half = (
        through(Deblur(method="deconvolve", kernel="disk:2", amount=amount), soft)[0].astype(int) for amount in (1, 0.5)
    )
    assert np.abs(half - (whole + soft[0]) / 2).max() <= 1


@pytest.mark.parametrize(
    "options",
    [{"kernel": "disk:2"}, {"kernel": "motion"}, {"shutter": 1}, {"rounds": 9}, {"method": "burst", "smooth": 0}],
)
def test_options_of_the_other_method_are_refused(options):
    with pytest.raises(UseError, match="is for --method deconvolve, and the method is burst"):
        Deblur(**options)
    with pytest.raises(UseError, match="--reach is for --method burst"):
        Deblur(method="deconvolve", reach=5)
    for effect in (Deblur(reach=5), Deblur(method="deconvolve", rounds=9)):
        assert Deblur(**effect.model_dump()) == effect
