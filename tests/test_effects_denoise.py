from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies.cleaning.noise import level
from melies.cleaning.pictures import to_image, to_picture, windows
from melies.cleaning.temporal import Averager, Seen
from melies.cleaning.wavelet import shrink
from melies.effects.deblur import Deblur
from melies.effects.denoise import Denoise
from melies.effects.lowlight import Lowlight
from melies.errors import ModelError, UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import picture
from melies.metrics import psnr
from melies.models.convert import ffdnet
from melies.testing import run

SIZE = 96, 64
SPEC = VideoSpec(*SIZE, Fraction(25), Fraction(1, 25))
SMALL = VideoSpec(64, 48, Fraction(25), Fraction(1, 25))


def scene(count=5, size=SIZE):
    """Something with edges and flat places, that moves two pixels a frame."""
    wide = cv2.GaussianBlur(picture(size[0] + 2 * count, size[1], 3), (0, 0), 1)
    cv2.circle(wide, (size[0] // 2, size[1] // 2), 15, (200, 60, 30), -1, cv2.LINE_AA)
    return [np.ascontiguousarray(wide[:, 2 * i : 2 * i + size[0]]) for i in range(count)]


def noisy(images, sigma):
    random = np.random.default_rng(0)
    return [np.clip(np.rint(i + random.normal(0, sigma, i.shape)), 0, 255).astype(np.uint8) for i in images]


def through(effect, images, spec=SPEC):
    return [f.image for f in run(effect, [Frame(i.copy(), n, spec.time_base, 1) for n, i in enumerate(images)], spec)]


def mean_psnr(found, truth):
    return np.mean([psnr(a, b) for a, b in zip(found, truth, strict=True)])


@pytest.mark.parametrize("sigma", [5, 10, 25, 50])
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_the_noise_is_measured_within_15_percent(name, sigma):
    data = pytest.importorskip("skimage.data")
    image = getattr(data, name)()[:300, :400]
    found = 255 * level(to_picture(noisy([image], sigma)[0]))
    assert found == pytest.approx(sigma, rel=0.15)


def test_nothing_noisy_is_measured_as_nothing():
    assert 255 * level(to_picture(cv2.GaussianBlur(picture(200, 100, 1), (0, 0), 2))) < 1
    assert level(np.zeros((100, 100, 3), np.float32)) == 0
    assert level(np.zeros((5, 5, 3), np.float32)) == 0


def test_black_bars_do_not_hide_the_noise():
    image = noisy([np.full((120, 160, 3), 128, np.uint8)], 10)[0]
    barred = np.vstack([np.zeros((80, 160, 3), np.uint8), image])
    assert 255 * level(to_picture(barred)) == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize(("options", "gain"), [({}, 8), ({"method": "fast"}, 7), ({"method": "temporal"}, 3)])
def test_noise_goes(options, gain):
    clean = scene()
    spoilt = noisy(clean, 20)
    assert mean_psnr(through(Denoise(**options), spoilt), clean) > mean_psnr(spoilt, clean) + gain


def test_neighbours_help():
    clean = scene()
    spoilt = noisy(clean, 20)
    alone, together = (mean_psnr(through(Denoise(strength=20, temporal=n), spoilt), clean) for n in (0, 2))
    assert together > alone + 0.3


def test_averaging_leaves_as_much_noise_as_it_says():
    still = [np.full((80, 100, 3), 128, np.uint8)] * 5
    window = [Seen(Frame(image, n, Fraction(1, 25), 1), 0.04) for n, image in enumerate(noisy(still, 0.04 * 255))]
    mean, left = Averager().average(window, 2, 0.04)
    # The motion that is found in pure noise is a little wrong, and in between pixels noise is averaged once more.
    assert np.std(mean - 128 / 255) == pytest.approx(float(np.mean(left)), rel=0.25)
    assert np.mean(left) < 0.6 * 0.04


def test_what_is_new_gets_no_ghost():
    images = [np.full((64, 96, 3), 100, np.uint8) for _ in range(5)]
    images[2] = images[2].copy()
    images[2][20:40, 30:60] = 200
    made = through(Denoise(method="temporal", strength=4), images)
    assert np.abs(made[1].astype(int) - 100).max() <= 1
    assert np.abs(made[2].astype(int) - images[2]).max() <= 4


def test_grain_is_kept():
    spoilt = noisy(scene(1), 15)
    none, half, all_ = (through(Denoise(strength=15, keep_grain=keep), spoilt)[0].astype(int) for keep in (0, 0.5, 1))
    assert np.array_equal(all_, spoilt[0])
    assert np.abs(half - (none + spoilt[0]) / 2).max() <= 1


@pytest.mark.parametrize("method", ["ffdnet", "fast"])
def test_ten_bits_stay_ten_bits_and_alpha_stays(method):
    image = (picture(96, 64, 0, alpha=True).astype(np.uint16) * 257) // 64 * 64
    spec = SPEC.replace(depth=10, alpha=True)
    made = through(Denoise(strength=3, method=method, temporal=0), [image], spec)[0]
    assert made.dtype == np.uint16
    assert np.array_equal(made[..., 3], image[..., 3])
    assert len(np.unique(made[..., 0])) > 256


def test_a_clean_film_is_left_alone():
    clean = [np.full((64, 96, 3), value, np.uint8) for value in (50, 100)]
    assert all(a is b.image for a, b in zip(clean, run(Denoise(), _frames(clean), SPEC), strict=True))


def _frames(images):
    return [Frame(image, n, Fraction(1, 25), 1) for n, image in enumerate(images)]


@pytest.mark.parametrize(
    "effect", [Denoise(method="fast"), Denoise(method="temporal", strength=9, temporal=3), Deblur(reach=2), Lowlight()]
)
def test_a_render_that_goes_on_in_a_shot_is_exact(effect):
    images = noisy(scene(18, (64, 48)), 9)
    begin = 15 - effect.lead_in
    assert begin > 0
    whole, rest = through(effect, images, SMALL), through(effect, images[begin:], SMALL)
    assert all(np.array_equal(a, b) for a, b in zip(whole[15:], rest[effect.lead_in :], strict=True))


def test_averaging_along_time_without_time_is_refused():
    with pytest.raises(UseError, match="no frames to do it with"):
        Denoise(method="temporal", temporal=0).output(SPEC)
    with pytest.raises(UseError, match="strength"):
        Denoise(strength="plenty")


def test_tiles_join_without_seams(monkeypatch):
    from melies.cleaning import nets

    image = to_picture(noisy([picture(170, 130, 0)], 20)[0])
    noise = np.linspace(0.02, 0.1, image[..., 0].size, dtype=np.float32).reshape(image.shape[:2])
    whole = nets.FFDNet().clean(image, noise)
    monkeypatch.setattr(nets, "TILE", 64)
    assert np.abs(nets.FFDNet().clean(image, noise) - whole).max() < 1e-4


def test_wavelets_keep_what_is_no_noise():
    image = to_picture(scene(1)[0])
    assert np.abs(shrink(image, 0.0) - image).max() < 1e-4


def test_windows():
    found = list(windows("abcde", 2))
    assert found == [(list("abc"), 0), (list("abcd"), 1), (list("abcde"), 2), (list("bcde"), 2), (list("cde"), 2)]
    assert list(windows("ab", 0)) == [(["a"], 0), (["b"], 0)]
    assert list(windows("", 3)) == []


def test_code_values_survive_there_and_back():
    for image in (picture(8, 6, 0), picture(8, 6, 0, depth=16, alpha=True)):
        assert np.array_equal(to_image(to_picture(image), image), image)


def test_ffdnet_is_what_the_paper_says(tmp_path):
    """Folding, noise plane, convolutions and unfolding, computed once more by hand."""
    import onnxruntime

    random = np.random.default_rng(0)
    shapes = {0: (8, 13), 2: (12, 8)}
    weights = {f"model.{n}.weight": random.normal(0, 0.1, (*s, 3, 3)).astype(np.float32) for n, s in shapes.items()}
    weights |= {f"model.{n}.bias": random.normal(0, 0.1, s[0]).astype(np.float32) for n, s in shapes.items()}
    path = tmp_path / "net.onnx"
    path.write_bytes(ffdnet.convert(weights))
    image = random.random((1, 3, 6, 8), np.float32)
    noise = np.full((1, 1, 3, 4), 0.1, np.float32)

    def convolve(x, n):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        return (
            np.einsum("chwij,ocij->ohw", views, weights[f"model.{n}.weight"])
            + weights[f"model.{n}.bias"][:, None, None]
        )

    folded = image[0].reshape(3, 3, 2, 4, 2).transpose(0, 2, 4, 1, 3).reshape(12, 3, 4)
    made = convolve(np.maximum(convolve(np.concatenate([folded, noise[0]]), 0), 0), 2)
    expected = made.reshape(3, 2, 2, 3, 4).transpose(0, 3, 1, 4, 2).reshape(3, 6, 8)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(["clean"], {"image": image, "noise": noise})
    assert np.abs(found[0] - expected).max() < 1e-5


def test_other_weights_are_refused():
    with pytest.raises(ModelError, match="not the weights of a colour FFDNet"):
        ffdnet.convert({"model.0.weight": np.zeros((64, 5, 3, 3), np.float32)})
