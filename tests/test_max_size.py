"""A size budget: the file is really no larger, as much of it as possible is used, and what is given up is said."""

import logging
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import melies
from melies.errors import UseError
from melies.media.output import SaveOptions
from melies.media.synthetic import write_clip
from melies.sizes import parse_size, say


@pytest.fixture(scope="module")
def film(tmp_path_factory: Any) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "in.mkv", size=(192, 108), frames=30, codec="ffv1", sound=True)


@pytest.mark.parametrize(
    ("text", "size"),
    [("8MB", 8_000_000), ("500k", 500_000), ("7.5 MiB", 7_864_320), ("1g", 10**9), (1234, 1234), ("64kib", 65536)],
)
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size
    assert SaveOptions(max_size=text).max_size == size  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "8 bananas", "-1", "0", "1e6", "0.1", True, "ib", "5xb"])
def test_no_sizes(text: object) -> None:
    with pytest.raises(ValueError, match="should be a size"):
        parse_size(text)


def test_sizes_are_said_as_people_do() -> None:
    assert [say(size) for size in (999, 1500, 8_000_000, 2 * 10**9)] == ["999 bytes", "1.5 kB", "8 MB", "2 GB"]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.apng"])
def test_animations_fit(film: Path, tmp_path: Path, name: str, caplog: Any) -> None:
    clip = melies.open(film, end=0.6)
    whole = clip.save(tmp_path / f"whole-{name}").stat().st_size
    most = whole // 3
    with caplog.at_level(logging.WARNING, "melies"):
        path = clip.save(tmp_path / name, max_size=most)
    assert most / 2 < path.stat().st_size <= most
    assert "To keep" in caplog.text
    made = melies.open(path)
    assert made.spec.width < 192
    assert abs(made.spec.width / made.spec.height - 192 / 108) < 0.05
    frames = list(made.frames())
    assert 5 <= len(frames) <= 15
    end = (frames[-1].pts + frames[-1].duration) * frames[-1].time_base
    assert abs(end - Fraction(3, 5)) < Fraction(1, 20), "it lasts as long as before"


def test_what_is_small_enough_is_left_alone(film: Path, tmp_path: Path, caplog: Any) -> None:
    clip = melies.open(film, end=0.2)
    plain, fitted = clip.save(tmp_path / "plain.gif"), clip.save(tmp_path / "fitted.gif", max_size="10MB")
    assert plain.read_bytes() == fitted.read_bytes()
    assert not caplog.text


def test_the_rate_that_was_asked_for_stays(film: Path, tmp_path: Path) -> None:
    clip = melies.open(film, end=0.6)
    whole = clip.save(tmp_path / "whole.gif", fps=10).stat().st_size
    path = clip.save(tmp_path / "a.gif", fps=10, max_size=whole // 2)
    assert path.stat().st_size <= whole // 2
    assert sum(1 for _ in melies.open(path).frames()) == 6


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", None), ("a.mkv", "h265"), ("a.webm", None)])
def test_films_fit_and_keep_their_sound(film: Path, tmp_path: Path, name: str, codec: str | None) -> None:
    clip = melies.open(film)
    options = {"codec": codec, "preset": "veryfast", "quality": 95}
    whole = clip.save(tmp_path / f"whole-{name}", **options).stat().st_size
    most = whole * 2 // 3
    path = clip.save(tmp_path / name, max_size=most, **options)
    assert path.stat().st_size <= most
    made = melies.open(path)
    assert made.spec.sound
    assert [frame.time for frame in made.frames()] == pytest.approx([i / 25 for i in range(30)], abs=0.002)


def test_transparency_is_kept(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "in.mkv", size=(160, 90), frames=10, codec="ffv1", pix_fmt="bgra")
    whole = melies.open(film).save(tmp_path / "whole.webp").stat().st_size
    path = melies.open(film).save(tmp_path / "a.webp", max_size=whole // 2)
    assert path.stat().st_size <= whole // 2
    assert melies.open(path).spec.alpha


@pytest.mark.parametrize("name", ["a.gif", "a.mp4"])
def test_what_cannot_be_is_said_and_may_be_gone_on_with(film: Path, tmp_path: Path, name: str) -> None:
    clip = melies.open(film, end=0.4)
    with pytest.raises(UseError, match="cannot be made as small as 300 bytes") as error:
        clip.save(tmp_path / name, max_size=300)
    assert "--max-size" in error.value.hint
    assert not (tmp_path / name).exists()
    clip.save(tmp_path / name, max_size="1MB", resume=True)
    assert not (tmp_path / f"{name}.part").exists()


@pytest.mark.parametrize("name", ["a.png", "folder", "a.wav"])
def test_pictures_and_sound_have_no_budget(film: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UseError, match="--max-size cannot be kept"):
        melies.open(film).save(tmp_path / name, max_size="1MB")


def test_neither_has_a_codec_without_loss(film: Path, tmp_path: Path) -> None:
    with pytest.raises(UseError, match="ffv1 cannot be made smaller"):
        melies.open(film).save(tmp_path / "a.mkv", codec="ffv1", max_size="1MB")


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_the_size_that_is_named_can_be_had(film: Path, tmp_path: Path, name: str) -> None:
    clip = melies.open(film, end=0.6)
    with pytest.raises(UseError, match="the smallest that was made has") as error:
        clip.save(tmp_path / name, max_size=300, preset="veryfast")
    size = parse_size(error.value.message.split("was made has ")[1].split(";")[0].rstrip("."))
    path = clip.save(tmp_path / name, max_size=size, preset="veryfast", resume=True)
    assert path.stat().st_size <= size
    whole = clip.save(tmp_path / f"whole-{name}", preset="veryfast").stat().st_size
    assert size < whole


def test_warnings_are_said_once_however_many_tries(film: Path, tmp_path: Path, caplog: Any) -> None:
    clip = melies.open(film)
    with caplog.at_level(logging.WARNING, "melies"):
        clip.save(tmp_path / "a.webm", max_size=20_000, preset="veryfast")
    assert caplog.text.count("encoded as libopus") == 1
    assert "To keep" in caplog.text


def test_a_render_that_only_had_to_be_squeezed_counts_its_frames(film: Path, tmp_path: Path) -> None:
    clip = melies.open(film, end=0.4)
    with pytest.raises(UseError, match="cannot be made"):
        clip.save(tmp_path / "a.gif", max_size=300)
    told: list[Any] = []
    clip.save(tmp_path / "a.gif", resume=True, progress=told.append)
    assert [event.frames for event in told if event.phase == "render"] == [10]


@pytest.mark.parametrize(("rate", "kept"), [(50, 26), (60, 20), (100, 25)])
def test_no_picture_of_a_gif_lasts_so_short_that_players_slow_it_down(
    tmp_path: Path, caplog: Any, rate: int, kept: int
) -> None:
    film = write_clip(tmp_path / "in.mkv", size=(64, 36), frames=rate // 2 + 1, rate=rate, codec="ffv1")
    with caplog.at_level(logging.WARNING, "melies"):
        path = melies.open(film).save(tmp_path / "a.gif")
    data = path.read_bytes()
    delays = [data[at + 4] + 256 * data[at + 5] for at in _controls(data)]
    assert min(delays) >= 2
    assert sum(delays) == round((rate // 2 + 1) * 100 / rate)
    assert len(delays) in (kept, kept + 1)
    assert ("at most 50 frames a second" in caplog.text) == (rate > 50)


def _controls(data: bytes) -> list[int]:
    """Where a GIF says how long each picture lasts."""
    return [found.start() for found in re.finditer(rb"\x21\xf9\x04....\0", data, re.DOTALL)]
