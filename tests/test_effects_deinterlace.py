"""Fields become the pictures that they were taken from; whole pictures stay as they are."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

import melies
from melies.effects.deinterlace import Deinterlace
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.media.convert import to_native
from melies.media.synthetic import write_clip
from melies.metrics import psnr
from melies.restoring.fields import judge, majority
from melies.restoring.telecine import weave
from melies.testing import run

SIZE = 160, 96
RATE = Fraction(25)


def moments(count, step=3, dtype=np.uint8):
    """A soft texture that moves `step` pixels to the right from field to field."""
    noise = np.random.default_rng(3).random((SIZE[1], SIZE[0] + step * count + 8, 3), np.float32)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.5), None, 0.1, 0.9, cv2.NORM_MINMAX)
    white = np.iinfo(dtype).max
    pictures = [wide[:, step * (count - i) : step * (count - i) + SIZE[0]] for i in range(count)]
    return [np.rint(picture * white).astype(dtype) for picture in pictures]


def interlaced(pictures, top=True):
    frames = []
    for index, (first, second) in enumerate(zip(pictures[::2], pictures[1::2], strict=True)):
        image = (first if top else second).copy()
        image[1::2] = (second if top else first)[1::2]
        frames.append(Frame(image, index, 1 / RATE, 1, cut=index == 0))
    return frames


def spec_of(frames):
    image = frames[0].image
    return VideoSpec(*SIZE, RATE, 1 / RATE, depth=8 if image.dtype == np.uint8 else 16, frames=len(frames))


def doubled(image):
    return cv2.resize(np.ascontiguousarray(image[::2]), SIZE, interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("top", [True, False])
def test_every_field_becomes_its_picture_at_its_time(top, dtype):
    truth = moments(24, dtype=dtype)
    frames = interlaced(truth, top)
    effect = Deinterlace(rate="field")
    made = run(effect, frames, spec_of(frames))
    assert effect.output(spec_of(frames)).rate == 50
    assert [frame.pts * frame.time_base for frame in made] == [Fraction(index, 50) for index in range(24)]
    assert all(frame.duration * frame.time_base == Fraction(1, 50) for frame in made)
    ours = np.mean([psnr(frame.image, true) for frame, true in zip(made, truth, strict=True)][2:-2])
    combed = np.mean([psnr(frame.image, true) for frame, true in zip(frames, truth[::2], strict=True)])
    assert ours > combed + 6


def test_better_than_drawing_the_missing_lines_from_one_field():
    still = [moments(2)[0]] * 8 + moments(16, step=1)
    frames = interlaced(still)
    made = run(Deinterlace(), frames, spec_of(frames))
    truth = still[::2]
    ours, plain = (
        np.mean([min(60, psnr(image, true)) for image, true in zip(images, truth, strict=True)])
        for images in ([frame.image for frame in made], [doubled(frame.image) for frame in frames])
    )
    assert len(made) == len(frames)
    assert ours > plain + 2


def test_order_can_be_said():
    truth = moments(24)
    frames = interlaced(truth, top=False)
    scores = {}
    for order in ("auto", "bottom", "top"):
        made = run(Deinterlace(rate="field", order=order), frames, spec_of(frames))
        jumps = [np.abs(np.subtract(a.image, b.image, dtype=np.float32)).mean() for a, b in pairwise(made)]
        scores[order] = float(np.std(jumps[4:-4]))
    assert scores["auto"] == scores["bottom"] < scores["top"]


def test_whole_pictures_pass_untouched_and_unconverted(tmp_path):
    clip = melies.open(write_clip(tmp_path / "whole.mkv", codec="ffv1", pix_fmt="yuv420p", frames=30, size=(160, 96)))
    made = list(clip.apply(Deinterlace()).frames())
    assert all(frame.native is not None for frame in made)
    twice = list(clip.apply(Deinterlace(rate="field")).frames())
    assert len(twice) == 60
    assert np.array_equal(twice[0].image, twice[1].image)


def test_what_a_file_says_of_its_fields_is_believed(tmp_path):
    """Flags decide even where nothing moves; the planes of the decoder are worked on."""
    path = tmp_path / "tape.mkv"
    still = moments(2)[0]
    with av.open(path, "w") as file:
        stream = file.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *SIZE, "yuv420p", 8_000_000
        for index in range(8):
            native = to_native(still, VideoSpec(*SIZE, RATE, 1 / RATE), "yuv420p")
            graph = av.filter.Graph()
            source = graph.add_buffer(width=SIZE[0], height=SIZE[1], format=native.format, time_base=1 / RATE)
            graph.link_nodes(source, graph.add("setfield", "bff"), graph.add("buffersink")).configure()
            native.pts, native.time_base = index, 1 / RATE
            graph.vpush(native)
            file.mux(stream.encode(graph.vpull()))
        file.mux(stream.encode(None))
    clip = melies.open(path)
    assert Counter(order for _, order in judge(clip.source.frames(), "auto", False)) == {"auto": 8}
    made = list(clip.apply(Deinterlace()).frames())
    assert all(frame.native is not None and not frame.native.interlaced_frame for frame in made)
    assert psnr(made[4].image, still) > 30


def test_a_few_doubtful_frames_do_not_make_a_film_interlaced():
    assert majority(["progressive"] * 20 + ["tff"] * 3) is None
    assert majority(["undetermined"] * 15 + ["tff"] * 4 + ["bff"] * 4) is None
    assert majority(["progressive"] * 15 + ["bff"] * 10) == "bff"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_telecined_film_comes_back_exactly(dtype):
    film = moments(16, dtype=dtype)
    rate = Fraction(30000, 1001)
    frames = []
    for index in range(0, 16, 4):
        a, b, c, d = film[index : index + 4]
        for top, bottom in ((a, a), (b, b), (b, c), (c, d), (d, d)):
            image = top.copy()
            image[1::2] = bottom[1::2]
            frames.append(Frame(image, len(frames), 1 / rate, 1, cut=not frames))
    spec = spec_of(frames).replace(rate=rate, time_base=1 / rate)
    effect = Deinterlace(telecine=True)
    made = run(effect, frames, spec)
    assert effect.output(spec).rate == Fraction(24000, 1001)
    assert [frame.pts * frame.time_base for frame in made] == [Fraction(1001 * i, 24000) for i in range(16)]
    assert all(np.array_equal(frame.image, true) for frame, true in zip(made, film, strict=True))


def test_weaving_takes_lines_by_turns():
    dark, light = (
        to_native(np.full((*SIZE[::-1], 3), v, np.uint8), VideoSpec(*SIZE, RATE, 1 / RATE), "yuv444p")
        for v in (40, 200)
    )
    luma = weave(dark, light, top=True).to_ndarray()[0]
    assert luma[0, 0] < luma[1, 0]
    assert luma[0, 0] == luma[2, 0]


def test_telecine_says_what_it_needs():
    spec = VideoSpec(*SIZE, RATE, 1 / RATE, variable=True)
    with pytest.raises(UseError, match="constant frame rate"):
        Deinterlace(telecine=True).output(spec)
    with pytest.raises(UseError, match="not both"):
        Deinterlace(telecine=True, rate="field").output(spec.replace(variable=False))


@pytest.mark.parametrize(("width", "height"), [(2, 2), (2, 8), (8, 3), (3, 4)])
def test_pictures_too_small_for_fields_are_refused_or_left_alone(width, height):
    spec = VideoSpec(width, height, RATE, 1 / RATE, frames=3)
    frames = [Frame(np.full((height, width, 3), 40 * i, np.uint8), i, 1 / RATE, 1, cut=i == 0) for i in range(3)]
    if (width, height) == (3, 4):
        assert len(run(Deinterlace(when="always"), frames, spec)) == 3
    else:
        with pytest.raises(UseError, match="at least 3 columns and 4 lines"):
            Deinterlace(when="always").output(spec)
    assert len(run(Deinterlace(), frames, spec)) == 3


@pytest.mark.parametrize("size", [(4, 4), (6, 6), (16, 8)])
def test_few_lines_of_colour_are_enough(size, tmp_path):
    film = write_clip(tmp_path / "in.mkv", size=size, frames=3, codec="ffv1")
    made = list(melies.open(film).apply(Deinterlace(when="always")).frames())
    assert [frame.image.shape[:2] for frame in made] == [size[::-1]] * 3
