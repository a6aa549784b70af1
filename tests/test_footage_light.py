"""Light, colour, composition and faults: what is put into a picture is found in it, and nothing else is said."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from melies import faces
from melies.footage.analyse import composition, faults, light, palette
from melies.footage.material import Material, Motion, Still
from melies.footage.shot import Shot
from melies.footage.sway import Sway
from melies.frame import VideoSpec


def portrait():
    """The astronaut with space around her, and her face."""
    image = np.ascontiguousarray(data.astronaut())
    return image, tuple(faces.find(image))


def grey(level, size=(120, 160)):
    return np.full((*size, 3), level, np.uint8)


def shot(image, seen=(), motion=None):
    spec = VideoSpec(image.shape[1], image.shape[0], Fraction(25), Fraction(1, 25))
    made = Material(
        Shot(Path("film.mp4"), 1, Fraction(0), Fraction(2), 0, 50, Fraction(25)),
        spec,
        (Still(1.0, image, 1.0),),
        Sway((64, 48)).motion() if motion is None else motion,
    )
    made.__dict__["faces"] = (tuple(seen),)
    made.__dict__["things"] = ((),)
    return made


def words(labels, facet):
    return {label.value for label in labels if label.facet == facet}


def number(labels, facet):
    (value,) = words(labels, facet)
    return value


def scene():
    return cv2.resize(np.ascontiguousarray(data.coffee()), (480, 320), interpolation=cv2.INTER_AREA)


def test_every_label_keeps_to_its_facets():
    image, seen = portrait()
    for question in (light, palette, composition, faults):
        known = {facet.name: facet for facet in question.FACETS}
        for label in question.answer(shot(image, seen)):
            facet = known[label.facet]
            assert 0 <= label.sure <= 1
            assert label.why
            assert (facet.kind == "number") == (not isinstance(label.value, str))
            assert not facet.values or label.value in facet.values


@pytest.mark.parametrize(("gain", "lift", "key"), [(0.25, 0, "low key"), (0.35, 165, "high key"), (1, 0, "normal key")])
def test_key(gain, lift, key):
    image = (scene() * gain + lift).clip(0, 255).astype(np.uint8)
    labels = light.answer(shot(image))
    assert words(labels, "key") == {key}
    assert 0 < number(labels, "contrast") <= 100


def test_temperature_follows_the_light():
    kelvin = {}
    for word, gains in {"warm": (1.0, 0.87, 0.68), "neutral": (1, 1, 1), "cool": (0.75, 0.9, 1)}.items():
        ramp = np.linspace(40, 235, 160, dtype=np.float32)[None, :, None] * np.ones((120, 1, 3), np.float32)
        labels = light.answer(shot((ramp * gains).astype(np.uint8)))
        assert words(labels, "temperature") == {word}
        kelvin[word] = number(labels, "kelvin")
    assert kelvin["warm"] < kelvin["neutral"] < kelvin["cool"]
    assert kelvin["neutral"] == pytest.approx(6500, abs=200)


def test_light_from_one_side_is_read_off_the_face():
    image, seen = portrait()
    left, _, right, _ = seen[0].box
    ramp = np.clip((np.arange(image.shape[1]) - left) / (right - left), 0, 1)[None, :, None]
    for word, shade in {"left light": 1 - 0.75 * ramp, "right light": 0.25 + 0.75 * ramp}.items():
        labels = light.answer(shot((image * shade).astype(np.uint8), seen))
        assert word in words(labels, "light")
        assert "front light" not in words(labels, "light")


def test_backlight_and_silhouette():
    image, seen = portrait()
    inside = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(inside, [seen[0].points[faces.anatomy.OVAL, :2].round().astype(np.int32)], 255)
    inside = cv2.dilate(inside, np.ones((25, 25), np.uint8)) > 0
    for word, gain in {"backlit": 0.5, "silhouette": 0.08}.items():
        lit = np.where(inside[..., None], image * gain, 250).astype(np.uint8)
        assert word in words(light.answer(shot(lit, seen)), "light")
    assert not {"backlit", "silhouette"} & words(light.answer(shot(image, seen)), "light")


def test_daytime_needs_a_sky():
    day, night = grey(90), grey(6)
    day[:50] = (120, 170, 230)
    night[:50] = (4, 6, 14)
    night[70:110:8, ::10] = 250
    assert words(light.answer(shot(day)), "daytime") == {"day"}
    assert words(light.answer(shot(night)), "daytime") == {"night"}
    assert not words(light.answer(shot(grey(235))), "daytime"), "a white wall is no sky"


@pytest.mark.parametrize(
    ("rgb", "word"),
    [((200, 30, 30), "red"), ((20, 40, 170), "blue"), ((40, 130, 40), "green"), ((128, 128, 128), "grey"),
     ((250, 250, 250), "white"), ((5, 5, 5), "black"), ((250, 220, 40), "yellow"), ((245, 140, 30), "orange")],
)  # fmt: skip
def test_colours_have_their_names(rgb, word):
    labels = palette.answer(shot(np.full((60, 80, 3), rgb, np.uint8)))
    (label,) = [label for label in labels if label.facet == "palette"]
    assert label.value == word
    assert [label.measured[name] for name in ("red", "green", "blue")] == pytest.approx(rgb, abs=3)
    assert label.measured["share"] == pytest.approx(1)


def test_palette_is_the_same_each_time_and_adds_up():
    first, second = palette.answer(shot(scene())), palette.answer(shot(scene()))
    assert first == second
    assert sum(label.measured["share"] for label in first if label.facet == "palette") <= 1.001


def test_colouring():
    image = scene()
    without = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert words(palette.answer(shot(without)), "colouring") == {"monochrome"}
    loud = image.copy()
    loud[:] = (220, 40, 30)
    loud[:160] = (20, 60, 200)
    assert words(palette.answer(shot(loud)), "colouring") == {"colourful"}


def test_composition_of_a_portrait():
    image, seen = portrait()
    x = (seen[0].box[0] + seen[0].box[2]) / 2
    half = round(min(x, image.shape[1] - x))
    middle = np.ascontiguousarray(image[:, round(x) - half : round(x) + half])
    assert "centred" in words(composition.answer(shot(middle, faces.find(middle))), "composition")
    third = np.hstack([image[:, : round(x)], np.zeros((image.shape[0], 2 * round(x), 3), np.uint8)])
    assert "rule of thirds" in words(composition.answer(shot(third, seen)), "composition")


def test_symmetry_and_focus():
    image = scene()
    assert "symmetric" in words(composition.answer(shot(np.hstack([image, image[:, ::-1]]))), "composition")
    assert "symmetric" not in words(composition.answer(shot(image)), "composition")
    sharp = cv2.resize(np.ascontiguousarray(data.astronaut()), (640, 640), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(sharp, (0, 0), 6)
    soft[240:400, 240:400] = sharp[240:400, 240:400]
    assert words(composition.answer(shot(soft)), "focus") == {"shallow focus"}
    assert words(composition.answer(shot(sharp)), "focus") <= {"deep focus"}
    skin = cv2.GaussianBlur(sharp, (0, 0), 1.6)
    skin[240:400, 240:400] = sharp[240:400, 240:400]
    assert words(composition.answer(shot(skin)), "focus") == set(), "softer than hair is not out of focus"


@pytest.mark.parametrize(("share", "expected"), [(0.65, True), (0.75, False)])
def test_what_is_only_a_little_symmetric_is_not_called_so(share, expected):
    image = scene()
    mixed = cv2.addWeighted(image, share, np.ascontiguousarray(image[:, ::-1]), 1 - share, 0)
    assert ("symmetric" in words(composition.answer(shot(mixed)), "composition")) == expected


def test_faults_are_found_and_not_invented():
    image, rng = scene(), np.random.default_rng(0)
    assert not words(faults.answer(shot(image)), "faults")
    broken = {
        "blurred": cv2.GaussianBlur(image, (0, 0), 5),
        "overexposed": (image.astype(float) * 2.2 + 60).clip(0, 255).astype(np.uint8),
        "underexposed": (image * 0.15).astype(np.uint8),
        "noisy": (image + rng.normal(0, 14, image.shape)).clip(0, 255).astype(np.uint8),
        "black": grey(3),
        "letterbox": np.pad(image, ((40, 40), (0, 0), (0, 0))),
        "pillarbox": np.pad(image, ((0, 0), (60, 60), (0, 0))),
    }
    for word, picture in broken.items():
        assert word in words(faults.answer(shot(picture)), "faults"), word


def test_noise_and_sharpness_are_numbers_that_grow():
    image, rng = scene(), np.random.default_rng(0)
    noise = [
        number(faults.answer(shot((image + rng.normal(0, sigma, image.shape)).clip(0, 255).astype(np.uint8))), "noise")
        for sigma in (0, 5, 12)
    ]
    assert noise == sorted(noise)
    sharp = [number(faults.answer(shot(cv2.GaussianBlur(image, (0, 0), sigma))), "sharpness") for sigma in (4, 2, 0.5)]
    assert sharp == sorted(sharp)


def motion(luma, change=1.0):
    count = len(luma)
    nothing = np.zeros(count)
    time = np.arange(count) / 12
    found = np.ones(count, bool)
    return Motion(time, np.full(count, 1 / 12), nothing, nothing, nothing, nothing, found, nothing + change,
                  nothing + change, np.asarray(luma, float))  # fmt: skip


def test_flicker_is_not_a_ramp():
    flicker = faults.answer(shot(scene(), motion=motion(100 + 12 * (-1.0) ** np.arange(24))))
    ramp = faults.answer(shot(scene(), motion=motion(np.linspace(60, 180, 24))))
    assert "flicker" in words(flicker, "faults")
    assert "flicker" not in words(ramp, "faults")
    frozen = faults.answer(shot(scene(), motion=motion([100] * 24, change=0)))
    assert "frozen" in words(frozen, "faults")
