"""`interpolate`: what is made between two frames, when, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import melies
from melies import models
from melies.effects.interpolate import Interpolate
from melies.engine.render import Run, Where
from melies.errors import ModelError, UseError
from melies.frame import Frame, Image, Sound, VideoSpec
from melies.interpolation.methods import Method, OpticalFlow, Rife, blended, shrunk
from melies.interpolation.mixing import Motion, mix
from melies.interpolation.pairs import Pair, held
from melies.interpolation.spans import Moment, copies, divided, on_grid, spans
from melies.media.synthetic import write_clip
from melies.metrics import psnr
from melies.models.convert import rife
from melies.testing import run

TICK = Fraction(1, 25)
HALF = Fraction(1, 2)


def texture(height: int = 160, width: int = 224, seed: int = 0, dtype: Any = np.uint8) -> Image:
    noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 2.5)
    noise = cv2.normalize(noise, None, 0, np.iinfo(dtype).max, cv2.NORM_MINMAX)
    return np.rint(noise).astype(dtype)


def panned(shift: float, **kinds: Any) -> Image:
    """A picture that moves `shift` pixels right and half as many down, without an edge in sight."""
    large = texture(224, 288, **kinds)
    matrix = np.array([[1, 0, shift - 32], [0, 1, shift / 2 - 32]], np.float32)
    return cv2.warpAffine(large, matrix, (224, 160), flags=cv2.INTER_CUBIC)


def between(method: Method, first: Image, second: Image, share: Fraction = HALF) -> Image:
    return Pair(first, second, method).frame(Moment(0, 1, share), TICK).image


def film(images: list[Image], duration: int = 1) -> list[Frame]:
    return [Frame(image, n * duration, TICK / duration, duration, cut=n == 0) for n, image in enumerate(images)]


def spec_of(frames: list[Frame], **changes: Any) -> VideoSpec:
    height, width, channels = frames[0].image.shape
    depth = 8 if frames[0].image.dtype == np.uint8 else 10
    spec = VideoSpec(width, height, Fraction(25), frames[0].time_base, depth=depth, alpha=channels == 4)
    return spec.replace(frames=len(frames), **changes)


@pytest.fixture(scope="module")
def network() -> Rife:
    return Rife(models.load("rife"))


class TestPictures:
    @pytest.mark.parametrize("share", [Fraction(1, 4), HALF, Fraction(4, 5)])
    @pytest.mark.parametrize("name", ["rife", "flow"])
    def test_what_moves_is_where_it_should_be(self, name: str, share: Fraction, network: Rife) -> None:
        method = network if name == "rife" else OpticalFlow()
        first, second, truth = panned(0), panned(10), panned(10 * float(share))
        inner = np.s_[16:-16, 16:-16]
        made = psnr(between(method, first, second, share)[inner], truth[inner])
        assert made > psnr(between(blended, first, second, share)[inner], truth[inner]) + 6
        assert made > 30

    def test_16_bits_are_more_than_8(self, network: Rife) -> None:
        first, second, truth = (panned(shift, dtype=np.uint16) for shift in (0, 4, 2))
        made = between(network, first, second)
        assert made.dtype == np.uint16
        assert len(np.unique(made % 257)) == 257
        assert psnr(made[16:-16, 16:-16], truth[16:-16, 16:-16]) > 30

    def test_every_size_will_do(self, network: Rife) -> None:
        for height, width in ((1, 1), (33, 7), (97, 161)):
            first, second = (texture(height, width, seed) for seed in (1, 2))
            for method in (network, OpticalFlow(), blended):
                assert mix(first, second, method(first, second)(0.5)).shape == first.shape

    def test_motion_may_be_found_in_smaller_pictures(self) -> None:
        small, large = Rife(models.load("rife"), 1), panned(8)
        assert psnr(between(small, panned(0), large)[16:-16, 16:-16], panned(4)[16:-16, 16:-16]) > 30
        assert shrunk(np.zeros((2160, 3840, 3), np.uint8), 0).shape == (1080, 1920, 3)
        assert shrunk(np.zeros((2160, 3840, 3), np.uint8), 1).shape == (540, 960, 3)

    def test_what_is_transparent_has_no_colour(self) -> None:
        """Green that nobody sees must not come into view."""
        first = np.zeros((40, 60, 4), np.uint8)
        first[..., 1] = 255
        first[10:30, 10:30] = 255, 0, 0, 255
        still = np.zeros((40, 60, 2), np.float32)
        made = mix(first, first, Motion(still + 0.5, still - 0.5, np.full((40, 60), 0.5, np.float32)))
        assert made[..., 1][made[..., 3] > 0].max() == 0
        assert 0 < made[20, 9, 3] < 255
        assert tuple(made[20, 20]) == (255, 0, 0, 255)

    def test_blending_is_the_mean(self) -> None:
        first, second = texture(seed=1), texture(seed=2)
        expected = (first.astype(int) + second) / 2
        assert np.abs(mix(first, second, blended(first, second)(0.5)) - expected).max() <= 0.5

    def test_pictures_without_anything_in_common_are_not_mixed(self, network: Rife) -> None:
        first, second = texture(seed=1), np.ascontiguousarray(255 - texture(seed=1))
        assert held(first, second)
        assert held(first, first)
        assert not held(panned(0), panned(10))
        assert np.array_equal(between(network, first, second), first)


class TestMoments:
    def test_a_grid_counts_from_the_start_of_the_clip(self) -> None:
        frames = [Frame(texture(8, 8), pts, Fraction(1, 1000), 41) for pts in (10, 51, 93)]
        found = [(m, span) for span in spans(iter(frames)) for m in on_grid(span, Fraction(60), Fraction(1, 3))]
        assert [m.pts for m, _ in found] == list(range(2, 25))
        for moment, span in found:
            time = Fraction(moment.pts, 60) / 3
            assert span.first.pts * span.first.time_base <= time < span.end * span.first.time_base
            length = (span.end - span.first.pts) * span.first.time_base
            assert moment.share * length == time - span.first.pts * span.first.time_base

    def test_a_variable_rate_stays_variable(self) -> None:
        frames = [Frame(texture(8, 8), pts, Fraction(1, 1000), 30) for pts in (0, 30, 130)]
        found = [m for span in spans(iter(frames)) for m in divided(span, 4)]
        assert [m.pts for m in found] == [0, 30, 60, 90, 120, 220, 320, 420, 520, 550, 580, 610]
        assert [m.duration for m in found] == [30] * 4 + [100] * 4 + [30] * 4
        assert [m.share for m in found[4:8]] == [Fraction(n, 4) for n in range(4)]

    def test_rate_and_length_are_exact(self) -> None:
        ntsc = spec_of(film([texture()] * 30)).replace(rate=Fraction(30000, 1001), time_base=Fraction(1001, 30000))
        made = Interpolate(fps="59.94").output(ntsc)
        assert (made.rate, made.time_base, made.frames) == (Fraction(60000, 1001), Fraction(1001, 60000), 60)
        made = Interpolate(speed=0.25).output(ntsc)
        assert (made.rate, made.frames) == (ntsc.rate, 120)
        made = Interpolate(speed=0.25, times=2).output(ntsc.replace(variable=True))
        assert (made.rate, made.frames, made.variable) == (2 * ntsc.rate, 240, True)

    @pytest.mark.parametrize("options", [{"times": 3}, {"speed": 0.4}, {"fps": 60}])
    def test_frames_that_were_there_stay(self, options: dict[str, Any]) -> None:
        frames = film([panned(2 * n) for n in range(6)])
        made = run(Interpolate(model="blend", **options), frames, spec_of(frames))
        slower = 1 / Fraction(options.get("speed", 1)).limit_denominator(10)
        shown = {frame.pts * frame.time_base: frame.image for frame in made}
        kept = [f for f in frames if f.pts * TICK * slower in shown]
        assert len(kept) >= 2
        assert all(np.array_equal(shown[f.pts * TICK * slower], f.image) for f in kept)

    def test_the_last_frame_is_held(self) -> None:
        frames = film([panned(2 * n) for n in range(3)])
        made = run(Interpolate(times=4, model="blend"), frames, spec_of(frames))
        assert all(np.array_equal(frame.image, frames[-1].image) for frame in made[8:])
        assert not np.array_equal(made[7].image, frames[-1].image)

    def test_nothing_is_mixed_over_a_cut(self) -> None:
        images = [texture(seed=1)] * 3 + [texture(seed=2)] * 3
        frames = film(images)
        frames[3] = frames[3].at(3, 1, cut=True)
        made = run(Interpolate(times=3, model="blend"), frames, spec_of(frames))
        assert all(any(np.array_equal(frame.image, image) for image in (images[0], images[3])) for frame in made)
        assert [frame.cut for frame in made] == [n in (0, 9) for n in range(18)]


class TestDuplicates:
    def test_animation_on_twos_becomes_smooth(self) -> None:
        frames = film([panned(4 * (n // 2)) for n in range(8)])
        made = run(Interpolate(times=1, duplicates="mend"), frames, spec_of(frames))
        assert len(made) == 8
        for number in (1, 3, 5):
            truth = panned(2 * number)[16:-16, 16:-16]
            assert psnr(made[number].image[16:-16, 16:-16], truth) > 30
            assert np.array_equal(made[number - 1].image, frames[number - 1].image)

    def test_noise_of_encoding_does_not_hide_a_copy(self) -> None:
        image = texture()
        noise = np.random.default_rng(0).normal(0, 2, image.shape)
        noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
        moved = image.copy()
        moved[60:70, 60:70] = 255 - moved[60:70, 60:70]
        assert copies(image, noisy)
        assert not copies(image, moved)

    def test_a_pause_stays_a_pause(self) -> None:
        images = [panned(0)] + [panned(4)] * 7 + [panned(8)]
        made = run(Interpolate(times=1, duplicates="mend", model="blend"), film(images), spec_of(film(images)))
        assert all(np.array_equal(frame.image, image) for frame, image in zip(made, images, strict=True))

    @pytest.mark.parametrize("lead", [6, 9, 12])
    def test_where_one_begins_makes_no_difference(self, lead: int) -> None:
        """Twos, threes and pauses, seen from the start and from the frames before any of them."""
        holds = [2, 3, 1, 6, 2, 4, 5, 1, 3, 9, 2, 2]
        frames = film([panned(4 * n) for n, hold in enumerate(holds) for _ in range(hold)])
        effect = Interpolate(fps=40, duplicates="mend", model="blend")
        whole = run(effect, frames, spec_of(frames))
        assert effect.lead_in == 6
        for start in range(lead, len(frames), 3):
            some = run(effect, frames[start - lead :], spec_of(frames))
            begin = start * TICK
            expected = [f for f in whole if f.pts * f.time_base >= begin]
            found = [f for f in some if f.pts * f.time_base >= begin]
            assert [f.pts for f in found] == [f.pts for f in expected]
            assert all(np.array_equal(a.image, b.image) for a, b in zip(found, expected, strict=True))


class TestFilms:
    def test_a_render_goes_on_exactly(self, tmp_path: Path) -> None:
        """At a rate whose ticks are not where the cut is."""
        path = write_clip(tmp_path / "in.mkv", frames=50, cut_at=27, codec="ffv1", pix_fmt="yuv444p")
        clip = melies.open(path).apply(Interpolate(fps=33, model="blend"))
        begun = Run(clip, None, Where(), None)
        whole = list(begun.frames())
        assert sum(frame.cut for frame in whole) == 2
        cut = next(n for n, frame in enumerate(whole) if n and frame.cut)
        for number in (5, cut - 1, cut, cut + 1, cut + 9):
            rest = Run(clip, None, begun.restart(whole[number].pts * whole[number].time_base), None)
            found = list(rest.frames())
            rest.close()
            assert [f.pts for f in found] == [f.pts for f in whole[number:]]
            assert all(np.array_equal(a.image, b.image) for a, b in zip(found, whole[number:], strict=True))
        begun.close()

    @pytest.mark.parametrize("sound", ["stretch", "tape", "keep", "drop"])
    def test_sound_in_slow_motion(self, sound: Any, tmp_path: Path, caplog: Any) -> None:
        path = write_clip(tmp_path / "in.mkv", frames=25, sound=True)
        clip = melies.open(path).apply(Interpolate(speed=0.5, sound=sound, model="blend"))
        out = clip.save(tmp_path / "out.mp4")
        assert not caplog.records
        made = melies.open(out)
        assert made.spec.frames == 50
        assert made.spec.sound == (sound != "drop")
        if sound == "drop":
            return
        wave = np.concatenate([block.samples for block in clip.sound()])[:, 0]
        assert abs(len(wave) / 48000 - 2) < 0.1
        pitch = np.abs(np.fft.rfft(wave[4800:38400])).argmax() * 48000 / 33600
        assert abs(pitch - (220 if sound == "tape" else 440)) < 5
        assert (np.abs(wave[60000:80000]).max() < 1e-3) == (sound == "keep")

    @pytest.mark.parametrize("sound", ["stretch", "tape"])
    def test_sound_follows_the_slowest_motion(self, sound: Any) -> None:
        effect = Interpolate(speed=0.01, sound=sound)
        spec = VideoSpec(8, 8, Fraction(25), Fraction(1, 25), sound=True)
        blocks = [Sound(np.zeros((800, 1), np.float32), 8000, 0)]
        assert sum(len(block.samples) for block in effect.sound(iter(blocks), spec)) == 80000

    def test_another_rate_leaves_sound_alone(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "in.mp4", frames=25, sound=True)
        effect = Interpolate(fps=50, model="blend")
        assert not effect.retimes
        assert not effect.touches_sound
        out = melies.open(path).apply(effect).save(tmp_path / "out.mp4")
        assert packets(out) == packets(path)

    def test_one_frame(self) -> None:
        frames = film([texture()])
        made = run(Interpolate(speed=0.5), frames, spec_of(frames))
        assert [frame.pts for frame in made] == [0, 1]
        assert all(np.array_equal(frame.image, frames[0].image) for frame in made)

    def test_two_rates_are_refused(self) -> None:
        with pytest.raises(UseError, match="both fps and times"):
            Interpolate(fps=50, times=2).output(spec_of(film([texture()])))

    def test_real_people_are_3_db_better_than_blended(self, footage: Path, network: Rife) -> None:
        frames = islice(melies.open(footage / "footage" / "gym_person.mp4", start=1).source.frames(), 5)
        images = [cv2.resize(frame.image, (360, 640), interpolation=cv2.INTER_AREA) for frame in frames]
        first, _, truth, _, second = images
        assert psnr(between(network, first, second), truth) > psnr(between(blended, first, second), truth) + 3


def packets(path: Path) -> list[bytes]:
    import av

    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(audio=0) if packet.size]


class TestConversion:
    def test_the_graph_is_the_network(self) -> None:
        """Against the network as its authors write it, in numpy, with few channels and weights drawn by lot."""
        import onnxruntime

        weights = dict(drawn())
        session = onnxruntime.InferenceSession(rife.convert(weights))
        first, second = (texture(64, 96, seed).transpose(2, 0, 1)[None].astype(np.float32) / 255 for seed in (1, 2))
        given = {"first": first, "second": second, "time": np.array([0.3], np.float32)}
        flow, mask = session.run(["flow", "mask"], given)
        expected = reference(weights, first[0], second[0], 0.3)
        assert np.abs(expected[:4]).max() > 3
        np.testing.assert_allclose(flow[0], expected[:4], atol=2e-3 * np.abs(expected[:4]).max())
        np.testing.assert_allclose(mask[0, 0], 1 / (1 + np.exp(-expected[4])), atol=2e-3)

    def test_other_networks_are_refused(self) -> None:
        weights = dict(drawn())
        with pytest.raises(ModelError, match=r"RIFE 4\.6"):
            rife.convert({**weights, "block4.conv0.0.0.weight": np.zeros((4, 12, 3, 3), np.float32)})
        with pytest.raises(ModelError, match=r"RIFE 4\.6"):
            rife.convert({"conv.weight": np.zeros((4, 7, 3, 3), np.float32)})


Array = NDArray[np.float32]


def drawn() -> Iterator[tuple[str, Array]]:
    """Weights that 16 bits hold exactly, of a network with eight channels."""
    random = np.random.default_rng(3)

    def some(*shape: int, scale: float) -> Array:
        return (random.standard_normal(shape) * scale).astype(np.float16).astype(np.float32)

    for block in range(4):
        name, inputs = f"block{block}", 12 if block else 7
        for layer, shape in (("conv0.0.0", (4, inputs, 3, 3)), ("conv0.1.0", (8, 4, 3, 3))):
            yield f"{name}.{layer}.weight", some(*shape, scale=0.3)
            yield f"{name}.{layer}.bias", some(shape[0], scale=0.3)
        for layer in range(8):
            yield f"{name}.convblock.{layer}.conv.weight", some(8, 8, 3, 3, scale=0.05)
            yield f"{name}.convblock.{layer}.conv.bias", some(8, scale=0.05)
            yield f"{name}.convblock.{layer}.beta", np.full((1, 8, 1, 1), 0.5, np.float32)
        yield f"{name}.lastconv.0.weight", some(8, 24, 4, 4, scale=0.1)
        yield f"{name}.lastconv.0.bias", some(24, scale=0.1)


def reference(weights: dict[str, Array], first: Array, second: Array, time: float) -> Array:
    height, width = first.shape[1:]
    found = np.zeros((5, height, width), np.float32)
    plane = np.full((1, height, width), time, np.float32)
    for block, scale in enumerate((8, 4, 2, 1)):
        warped = [moved(first, found[:2]), moved(second, found[2:4])]
        seen = np.concatenate([*warped, plane, *([found[4:]] if block else [])])
        x = resized(seen, 1 / scale)
        if block:
            x = np.concatenate([x, resized(found[:4], 1 / scale) / scale])
        name = f"block{block}"
        for layer in ("conv0.0.0", "conv0.1.0"):
            x = leaky(convolved(x, weights[f"{name}.{layer}.weight"], weights[f"{name}.{layer}.bias"], 2))
        for layer in range(8):
            key = f"{name}.convblock.{layer}"
            made = convolved(x, weights[f"{key}.conv.weight"], weights[f"{key}.conv.bias"])
            x = leaky(made * weights[f"{key}.beta"][0] + x)
        x = transposed(x, weights[f"{name}.lastconv.0.weight"], weights[f"{name}.lastconv.0.bias"])
        x = x.reshape(6, 2, 2, *x.shape[1:]).transpose(0, 3, 1, 4, 2).reshape(6, x.shape[1] * 2, x.shape[2] * 2)
        x = resized(x, scale)[:5]
        x[:4] *= scale
        found = found + x
    return found


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, np.float32(0.2) * x)


def convolved(x: Array, kernel: Array, bias: Array, stride: int = 1) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1), (1, 1))), (3, 3), axis=(1, 2))
    made: Array = np.einsum("chwij,ocij->ohw", windows[:, ::stride, ::stride], kernel, optimize=True)
    return made + bias[:, None, None]


def transposed(x: Array, kernel: Array, bias: Array) -> Array:
    """A transposed convolution: kernel 4, stride 2, padding 1."""
    _, height, width = x.shape
    made = np.zeros((kernel.shape[1], 2 * height + 2, 2 * width + 2), np.float32)
    for down in range(4):
        for right in range(4):
            part = np.einsum("chw,co->ohw", x, kernel[:, :, down, right])
            made[:, down : down + 2 * height : 2, right : right + 2 * width : 2] += part
    return made[:, 1:-1, 1:-1] + bias[:, None, None]


def resized(x: Array, factor: float) -> Array:
    if factor == 1:
        return x
    size = round(x.shape[2] * factor), round(x.shape[1] * factor)
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in x])


def moved(x: Array, flow: Array) -> Array:
    rows, columns = np.mgrid[: x.shape[1], : x.shape[2]].astype(np.float32)
    places = columns + flow[0], rows + flow[1]
    return np.stack([cv2.remap(plane, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for plane in x])


def test_times_do_not_overlap() -> None:
    frames = film([panned(n) for n in range(5)], duration=512)
    made = run(Interpolate(speed=0.3, model="blend"), frames, spec_of(frames))
    assert all((a.pts + a.duration) * a.time_base == b.pts * b.time_base for a, b in pairwise(made))
    assert Fraction(len(made), 25) >= Fraction(5, 25) / Fraction(3, 10)
    assert isinstance(next(iter(Interpolate(speed=0.5, sound="keep").sound(iter([quiet()]), spec_of(frames)))), Sound)


def quiet() -> Sound:
    return Sound(np.zeros((100, 1), np.float32), 48000, 0)
