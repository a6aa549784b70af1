"""Captions: where they lie, how they break, when they show, and that nothing else changes."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from melies.effects._lettering import Type, is_font
from melies.effects.caption import Caption
from melies.errors import UseError
from melies.frame import Frame, VideoSpec

SIZE = (320, 180)


def written(grey: int = 90, seconds: Fraction = Fraction(0), channels: int = 3, **options) -> np.ndarray:
    image = np.full((SIZE[1], SIZE[0], channels), grey, np.uint8)
    if channels == 4:
        image[..., 3] = 0
    frame = Frame(image, int(seconds * 1000), Fraction(1, 1000), 40)
    spec = VideoSpec(*SIZE, Fraction(25), Fraction(1, 1000), alpha=channels == 4)
    (out,) = Caption(**{"text": "Méliès", **options}).apply(iter([frame]), spec)
    return out.image


def box(image: np.ndarray, grey: int = 90) -> tuple[int, int, int, int]:
    """Left, top, width and height of what differs from the plain picture."""
    changed = (image[..., :3] != grey).any(-1) if image.shape[2] == 3 else image[..., 3] > 0
    return cv2.boundingRect(changed.astype(np.uint8))


@pytest.mark.parametrize(("position", "share"), [("top", 0.1), ("center", 0.5), ("bottom", 0.9), ("0.5,0.3", 0.3)])
def test_it_lies_where_it_should(position, share):
    x, y, width, height = box(written(position=position))
    assert abs(x + width / 2 - SIZE[0] / 2) <= 2
    assert abs(y + height / 2 - share * SIZE[1]) < 0.03 * SIZE[1]


def test_its_size_follows_the_picture():
    small, large = box(written(text="HI", size=0.1)), box(written(text="HI", size=0.3))
    assert 2.6 < large[3] / small[3] < 3.4


def test_long_text_is_broken_and_stays_inside():
    one, several = box(written(text="word")), box(written(text="word " * 12))
    assert several[3] > 2.5 * one[3]
    assert several[2] <= 0.94 * SIZE[0]


def test_a_word_that_is_too_wide_is_shrunk():
    x, _, width, _ = box(written(text="incomprehensibilities" * 2, size=0.3))
    assert x > 0
    assert width <= 0.96 * SIZE[0]


def test_too_many_lines_are_shrunk():
    _, y, _, height = box(written(text="a\\nb\\nc\\nd\\ne\\nf\\ng", size=0.3))
    assert y > 0
    assert y + height < SIZE[1]


def test_lines_break_between_words_and_between_signs():
    type_ = Type(cv2.FontFace("uni"), 20, 400)
    assert type_.lines("one two\nthree", type_.width("one two")) == ["one two", "three"]
    assert type_.lines("one two", type_.width("one tw")) == ["one", "two"]
    assert "".join(type_.lines("日本語字幕", type_.width("日本語"))) == "日本語字幕"
    assert len(type_.lines("日本語字幕", type_.width("日本語"))) == 2


def test_letters_are_of_their_colour_with_a_line_around_them():
    image = written(size=0.4, colour="red", outline_colour="blue", outline=0.1)
    assert (image == (255, 0, 0)).all(-1).sum() > 500
    assert (image == (0, 0, 255)).all(-1).sum() > 500
    bare = written(size=0.4, colour="red", outline=0)
    assert box(bare)[2] < box(image)[2]
    assert not (bare[..., 2] > 90).any()


def test_edges_are_smooth():
    image = written(grey=0, size=0.4, outline=0)
    assert len(np.unique(image)) > 30


def test_it_shows_on_transparent_pictures():
    image = written(channels=4, size=0.4, outline=0, colour="lime")
    assert image[..., 3].max() == 255
    assert (image[image[..., 3] == 255][:, :3] == (0, 255, 0)).all()


def test_capitals():
    assert np.array_equal(written(text="straße", uppercase=True), written(text="STRASSE"))


@pytest.mark.parametrize(
    ("seconds", "share"), [("0.5", 0), ("1", 0.02), ("1.48", 0.5), ("3", 1), ("3.5", 0.5), ("4", 0)]
)
def test_it_comes_and_goes(seconds, share):
    image = written(grey=0, seconds=Fraction(seconds), start=1, end=4, fade=1, size=0.4)
    assert image.max() == pytest.approx(255 * share, abs=2)


def test_every_script_has_letters():
    question = written(text="?", font="uni", size=0.4)
    for letter in "ßЖΩ語한":
        assert not np.array_equal(written(text=letter, font="uni", size=0.4), question)


def test_only_fonts_are_taken_for_fonts(tmp_path):
    fake = tmp_path / "fake.ttf"
    for data in (b"", b"hello", b"\0\1\0\0" + b"\xff" * 100, b"ttcf" + b"\xff" * 20, Path(__file__).read_bytes()):
        fake.write_bytes(data)
        assert not is_font(fake)
        with pytest.raises(UseError, match="cannot be read"):
            Caption(text="x", font=fake).output(VideoSpec(*SIZE, Fraction(25), Fraction(1, 25)))


@pytest.mark.parametrize("options", [{"position": "left"}, {"position": "2,1"}, {"start": 3, "end": 2}])
def test_what_makes_no_sense_is_refused(options):
    with pytest.raises(UseError, match=r"position|--end should be later"):
        Caption(text="x", **options)


@pytest.mark.parametrize("text", ["שלום", "hello مرحبا"])
def test_scripts_from_right_to_left_are_refused(text):
    with pytest.raises(UseError, match="from right to left"):
        Caption(text=text).output(VideoSpec(*SIZE, Fraction(25), Fraction(1, 25)))


def test_signs_that_the_font_lacks_are_named(caplog):
    written(text="Was? Ça va, 日本語 é", font="uni")
    assert caplog.messages == []
    written(text="ไท 🙂?", font="uni")
    (message,) = caplog.messages
    assert "the font uni lacks ท ไ 🙂, and" in message


def test_a_caption_that_is_never_shown_is_warned_of(caplog):
    written(start=99)
    assert "never shown" in caplog.text
    caplog.clear()
    written(start=0)
    written(seconds=Fraction(3), start=1, end=2)
    assert caplog.messages == []
