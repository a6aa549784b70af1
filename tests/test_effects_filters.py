"""`halftone`, `ascii`, `pixelsort`, `toon` and `sketch`: what each promises, on small pictures."""

from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from melies import effects
from melies.effects._drawing import direction, edges
from melies.effects.ascii import Ascii
from melies.effects.halftone import Halftone
from melies.effects.pixelsort import Pixelsort
from melies.effects.sketch import Sketch
from melies.effects.toon import Toon
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import picture

ALL = ("halftone", "ascii", "pixelsort", "toon", "sketch")


def applied(effect, *images):
    height, width, channels = images[0].shape
    depth = 8 if images[0].dtype == np.uint8 else 16
    spec = VideoSpec(width, height, Fraction(25), Fraction(1, 25), depth=depth, alpha=channels == 4)
    frames = [Frame(image.copy(), index, Fraction(1, 25), 1, cut=index == 0) for index, image in enumerate(images)]
    return [frame.image for frame in effect.apply(iter(frames), spec)]


def flat(value, height=60, width=90):
    return np.full((height, width, 3), value, np.uint8)


def noisy(image, seed, amount=6):
    noise = np.random.default_rng(seed).normal(0, amount, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def portrait():
    image = pytest.importorskip("skimage.data").astronaut()[:320, 60:380]
    return cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("name", ALL)
def test_16_bits_look_like_8_and_alpha_stays(name, portrait):
    effect = effects.find(name)()
    alpha = np.arange(160 * 160, dtype=np.uint16).reshape(160, 160)
    deep = np.dstack([portrait.astype(np.uint16) * 257, alpha])
    (shallow,), (made,) = applied(effect, portrait), applied(effect, deep)
    assert np.array_equal(made[..., 3], alpha)
    assert np.median(np.abs(made[..., :3] / 257 - shallow)) <= 1
    assert not np.array_equal(shallow, portrait)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 1)])
def test_pictures_of_one_line_or_pixel(name, size):
    (made,) = applied(effects.find(name)(), noisy(flat(120, *size), 0))
    assert made.shape == (*size, 3)


@pytest.mark.parametrize("name", ["halftone", "toon", "sketch"])
def test_a_preview_looks_like_the_film(name, portrait):
    """What is made of half the size is, seen from afar, what is made of the whole."""
    large = cv2.resize(portrait, (480, 480), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(large, (240, 240), interpolation=cv2.INTER_AREA)
    effect = effects.find(name)(**({"size": 0.05} if name == "halftone" else {}))
    of_large, of_small = (
        cv2.resize(applied(effect, image)[0], (80, 80), interpolation=cv2.INTER_AREA).astype(int)
        for image in (large, small)
    )
    assert np.abs(of_large - of_small).mean() < 5


# halftone


@pytest.mark.parametrize("shape", ["dots", "diamonds", "lines", "squares"])
@pytest.mark.parametrize("inks", ["mono", "cmyk"])
def test_dots_keep_the_tone(shape, inks):
    for colour in ((40, 40, 40), (200, 120, 60), (230, 230, 230)):
        image = np.full((120, 120, 3), colour, np.uint8)
        made = Halftone(shape=shape, inks=inks, size=8).process(image).mean((0, 1))
        wanted = np.array(colour) if inks == "cmyk" else np.dot(colour, [0.299, 0.587, 0.114])
        assert np.abs(made - wanted).max() < 6


def test_white_paper_stays_clean_and_black_is_full():
    assert (Halftone().process(flat(255)) == 255).all()
    assert (Halftone(inks="mono", ink="navy").process(flat(0)) == (0, 0, 128)).all()


def test_dots_are_as_far_apart_as_asked_and_turn():
    def peak(**options):
        plane = Halftone(inks="mono", shape="lines", **options).process(flat(128, 128, 128))[..., 0].astype(float)
        power = np.abs(np.fft.rfft2(plane - plane.mean()))
        y, x = np.unravel_index(power.argmax(), power.shape)
        return (x, y if y <= 64 else y - 128)

    assert peak(size=8, angle=-45) == (0, 16)
    assert peak(size=0.0625, angle=45) == (16, 0)
    assert peak(size=16, angle=-45) == (0, 8)


def test_dots_are_anti_aliased():
    made = Halftone(inks="mono", size=12).process(flat(128, 120, 120))[..., 0]
    assert 0.1 < ((made > 20) & (made < 235)).mean() < 0.6


def test_two_inks_share_the_tones():
    light, dark = (Halftone(inks="duo", second="red", size=8).process(flat(grey)) for grey in (200, 60))
    assert light[..., 0].min() == 255  # only red on white
    assert dark[..., 1].max() == 0  # red everywhere, with black dots
    assert dark[..., 0].min() == 0


# ascii


def test_letters_get_denser_with_the_tone_and_cells_divide_any_width():
    ramp = np.repeat(np.linspace(0, 255, 203).astype(np.uint8)[None], 101, axis=0)
    (made,) = applied(Ascii(columns=20, colour="mono", ink="white", paper="black"), np.dstack([ramp] * 3))
    parts = [part.mean() for part in np.array_split(made, 4, axis=1)]
    assert parts == sorted(parts)
    assert parts[0] < 20
    assert parts[-1] > 60


def test_letters_have_the_shape_of_what_they_stand_for():
    image = flat(0, 76, 80)
    image[:, 40:44] = 255  # the left half of one cell of ten pixels
    image[:, 44:50] = 0
    options = {"columns": 8, "characters": " ▌▐█", "colour": "mono", "ink": "white", "paper": "black"}
    (made,) = applied(Ascii(**options), image)
    assert made[:, 40:45].mean() > 250
    assert made[:, 45:].mean() < 5


def test_coloured_blocks_have_the_colours_of_the_picture():
    for colour in ((250, 120, 20), (30, 90, 200)):
        made = applied(
            Ascii(columns=12, characters="blocks", paper="black", shape=0), np.full((64, 96, 3), colour, np.uint8)
        )
        mean = made[0].mean((0, 1))
        assert np.abs(mean / mean.max() - np.array(colour) / max(colour)).max() < 0.05


def test_letters_do_not_dance_in_noise(portrait):
    def changes(steady):
        made = applied(Ascii(columns=40, steady=steady), *(noisy(portrait, seed) for seed in range(4)))
        return np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairwise(made)])

    assert changes(0.5) < 0.6 * changes(0)


def test_wrong_characters_and_fonts_are_refused(tmp_path):
    with pytest.raises(UseError, match="characters"):
        Ascii(characters="a")
    (tmp_path / "no.ttf").write_bytes(b"no font")
    with pytest.raises(UseError, match="font"):
        Ascii(font=tmp_path / "no.ttf").output(VideoSpec(64, 64, Fraction(25), Fraction(1, 25)))


# pixelsort


@pytest.mark.parametrize("angle", [0, 37, 90, 123, 180, 250, 270, 340])
def test_no_pixel_is_lost_at_any_angle(angle):
    image = picture(61, 43, 2)
    (made,) = applied(Pixelsort(angle=angle, low=0, high=1), image)
    assert not np.array_equal(made, image)
    rows = (part.reshape(-1, 3)[np.lexsort(part.reshape(-1, 3).T)] for part in (made, image))
    assert np.array_equal(*rows)


@pytest.mark.parametrize(("angle", "axis", "sign"), [(0, 1, 1), (180, 1, -1), (90, 0, 1), (-90, 0, -1)])
def test_values_rise_in_the_direction_asked_for(angle, axis, sign):
    (made,) = applied(Pixelsort(angle=angle, low=0, high=1, longest=10), picture(61, 43, 2))
    luma = cv2.cvtColor(made, cv2.COLOR_RGB2GRAY).astype(int)
    assert (sign * np.diff(luma, axis=axis) >= 0).all()


def test_only_what_lies_between_the_thresholds_is_sorted():
    grey = np.tile(np.array([10, 200, 190, 120, 180, 10, 150, 140, 10], np.uint8).repeat(20), (40, 1))
    (made,) = applied(Pixelsort(low=0.3, high=0.9, longest=10), np.dstack([grey] * 3))
    assert np.array_equal(made[20, ::20, 0][[0, 5, 8]], [10, 10, 10])
    for part in (slice(20, 100), slice(120, 160)):
        assert np.array_equal(made[20, part, 0], np.sort(grey[20, part]))


def test_stretches_are_cut_by_length_and_stay_put(portrait):
    effect = Pixelsort(low=0, high=1, longest=0.1)
    one, two = applied(effect, portrait, portrait)
    assert np.array_equal(one, two)
    falls = (np.diff(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(int), axis=1) < 0).sum(1)
    assert (falls <= 160 // 16 + 1).all()
    assert np.median(falls) >= 5


def test_people_can_be_spared(portrait):
    (made,) = applied(Pixelsort(where="background", low=0, high=1, longest=5), portrait)
    changed = (made != portrait).any(-1)
    assert changed[60:100, 65:95].mean() < 0.1  # the face
    assert changed[:25, :50].mean() > 0.5


# toon and sketch


def test_few_tones_are_left():
    ramp = np.dstack([np.repeat(np.linspace(0, 255, 240).astype(np.uint8)[None], 40, axis=0)] * 3)
    image = cv2.GaussianBlur(ramp, (0, 0), 1)
    (made,) = applied(Toon(levels=3, line=0, vivid=1), image)
    counts = np.bincount(made[20, :, 1], minlength=256)
    assert counts[:40].sum() + counts[108:148].sum() + counts[215:].sum() > 0.7 * counts.sum()


def test_outlines_are_drawn_as_wide_as_asked_and_texture_goes():
    image = noisy(flat(210, 180, 240), 0)
    image[:, 120:] = noisy(flat(60, 180, 120), 1)
    widths = []
    for line in (0.01, 0.02, 0.03):
        (made,) = applied(Toon(line=line, ink="red", levels=8, vivid=0), image)
        widths.append((made[90, :, 0].astype(int) - made[90, :, 1] > 60).sum())
        assert made[20:160, 20:100].std() < 0.6 * image[20:160, 20:100].std()
    assert widths[0] < widths[1] < widths[2]
    assert widths[1] == pytest.approx(0.02 * 180, abs=2)


def test_lines_are_found_on_edges_only_and_directions_follow_forms():
    plane = np.zeros((80, 80), np.float32)
    turned = cv2.warpAffine(plane + (np.arange(80) > 40), cv2.getRotationMatrix2D((40, 40), -30, 1), (80, 80))
    turned = cv2.GaussianBlur(turned.astype(np.float32), (0, 0), 1)
    found = edges(turned, 2)
    assert found[30:50, 30:50].max() > 0.04
    assert np.abs(found[30:50, :15]).max() < 0.01
    # A vertical edge turned by 30° clockwise runs at 120°.
    assert np.rad2deg(direction(turned, 4)[40, 40]) % 180 == pytest.approx(120, abs=3)
    assert np.rad2deg(direction(plane, 4, np.deg2rad(-45), 1e-5)[40, 40]) == pytest.approx(-45, abs=0.1)


@pytest.mark.parametrize(("effect", "most"), [(Toon, 0.8), (Sketch, 0.8)])
def test_drawings_do_not_tremble_in_noise(effect, most, portrait):
    def trembling(steady):
        made = applied(effect(steady=steady), *(noisy(portrait, seed) for seed in range(5)))
        return np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairwise(made[1:])])

    assert trembling(0.9) < most * trembling(0)


@pytest.mark.parametrize("effect", [Toon(), Sketch(boil=12)])
def test_drawings_are_the_same_one_at_a_time(effect, portrait):
    """As live shows draw them: nobody waits for a frame."""
    pictures = [noisy(portrait, seed) for seed in range(6)]
    together, alone = applied(effect, *pictures), applied(effect.live(), *pictures)
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))


def test_strokes_are_darker_in_shadows_and_keep_white():
    means = [applied(Sketch(line=0), flat(grey, 120, 120))[0].mean() for grey in (250, 190, 120, 60, 5)]
    assert means == sorted(means, reverse=True)
    assert means[0] > 235
    assert means[-1] < 100


def test_strokes_follow_forms():
    image = np.dstack([np.repeat(np.linspace(30, 160, 160).astype(np.uint8)[None], 160, axis=0)] * 3)
    (across,), (down,) = (
        applied(Sketch(line=0, shading=0, grain=0, stroke=0.01), side) for side in (image, image.transpose(1, 0, 2))
    )
    # Tone changes from left to right, so strokes run down; turned, they run across.
    for made, along in ((across, 0), (down, 1)):
        changes = [np.abs(np.diff(made[..., 0].astype(int), axis=axis)).mean() for axis in (0, 1)]
        assert changes[along] < 0.8 * changes[1 - along]


def test_strokes_stay_unless_they_boil():
    image = flat(100, 100, 100)
    still = applied(Sketch(steady=0), *[image] * 4)
    assert all(np.array_equal(still[0], made) for made in still)
    boiling = applied(Sketch(boil=12.5, steady=0), *[image] * 4)
    assert np.array_equal(boiling[0], boiling[1])
    assert np.array_equal(boiling[2], boiling[3])
    assert not np.array_equal(boiling[0], boiling[2])
    assert not np.array_equal(applied(Sketch(seed=1, steady=0), image)[0], still[0])


def test_coloured_pencils_have_the_colours_of_the_picture():
    image = np.full((100, 100, 3), (200, 60, 40), np.uint8)
    grey, red = (applied(Sketch(colour=colour), image)[0].mean((0, 1)) for colour in (0, 1))
    assert grey[0] - grey[2] < 15
    assert red[0] - red[2] > 50
