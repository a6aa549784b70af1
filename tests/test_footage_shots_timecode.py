"""Timecode: every frame has its own, in order, and drop-frame keeps up with the clock."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melies.errors import UseError
from melies.footage.timecode import Timecode, first_timecode, source_timecode
from melies.media.probe import probe
from melies.media.synthetic import write_clip

NTSC = [Fraction(n * 1000, 1001) for n in (24, 30, 60, 120)]
RATES = [*NTSC, *map(Fraction, (12, 24, 25, 30, 48, 50, 60, 120))]
COUNTS = [(rate, False) for rate in RATES] + [(rate, True) for rate in NTSC[1:]]


@given(st.sampled_from(COUNTS), st.integers(0, 24 * 3600 * 24 - 1))
def test_every_frame_is_found_again_by_its_timecode(count: tuple[Fraction, bool], frame: int) -> None:
    rate, drop = count
    code = Timecode(frame, rate, drop)
    assert Timecode.parse(str(code), rate) == code
    assert len(str(code)) == (12 if rate > 100 else 11)


@pytest.mark.parametrize(("rate", "drop"), COUNTS)
def test_timecodes_grow_with_the_frames(rate: Fraction, drop: bool) -> None:
    start = Timecode.parse("00:58:59:00", rate, drop=False).frame
    codes = [str(Timecode(frame, rate, drop)) for frame in range(start, start + round(rate) * 75)]
    assert codes == sorted(set(codes))


@pytest.mark.parametrize(("rate", "dropped"), [(NTSC[1], 2), (NTSC[2], 4), (NTSC[3], 8)])
def test_drop_frame_leaves_out_numbers_at_every_minute_but_each_tenth(rate: Fraction, dropped: int) -> None:
    for minute in range(1, 25):
        before = Timecode.parse(f"00:{minute - 1:02}:59;{round(rate) - 1}", rate)
        after = str(before + 1)
        assert after.startswith(f"00:{minute:02}:00;")
        assert int(after.split(";")[1]) == (0 if minute % 10 == 0 else dropped)


@pytest.mark.parametrize("rate", NTSC[1:])
def test_drop_frame_stays_beside_the_clock(rate: Fraction) -> None:
    for hour in range(24):
        code = Timecode.parse(f"{hour:02}:00:00;00", rate)
        assert abs(code.seconds - hour * 3600) < 3600 * hour * Fraction(2, 10**6) + Fraction(1, 10**6)
    assert str(Timecode(0, rate, drop=True) - 1) == f"23:59:59;{round(rate) - 1}"


def test_known_numbers() -> None:
    ntsc = NTSC[1]
    assert str(Timecode(1800, ntsc, drop=True)) == "00:01:00;02"
    assert str(Timecode(1800, ntsc)) == "00:01:00:00"
    assert str(Timecode(17982, ntsc, drop=True)) == "00:10:00;00"
    assert str(Timecode(107892, ntsc, drop=True)) == "01:00:00;00"
    assert str(Timecode(86400, NTSC[0])) == "01:00:00:00"
    assert str(Timecode(0, Fraction(25)).at(Fraction(3723, 25) + 3600)) == "01:02:28:23"


@pytest.mark.parametrize("text", ["00:00:00", "00:01:00;00", "24:00:00:00", "00:00:00:30", "1 2 3 4", "00:61:00:00"])
def test_what_is_no_timecode_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="timecode"):
        Timecode.parse(text, NTSC[1])


def test_only_rates_of_television_drop() -> None:
    for rate in (Fraction(25), Fraction(24000, 1001), Fraction(30), Fraction(50)):
        with pytest.raises(ValueError, match=r"29\.97"):
            Timecode(0, rate, drop=True)
    Timecode(0, Fraction(2997, 100), drop=True)  # as some containers round it


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv", ".mxf"])
@pytest.mark.parametrize("text", ["01:02:03:04", "10:00:00;02"])
def test_a_film_tells_its_own_timecode(tmp_path: Path, suffix: str, text: str) -> None:
    codec, rate = ("mpeg2video", NTSC[1]) if suffix == ".mxf" else ("libx264", NTSC[1])
    film = write_clip(tmp_path / f"film{suffix}", frames=4, rate=rate, codec=codec, metadata={"timecode": text})
    found = source_timecode(probe(film))
    assert found == Timecode.parse(text, rate)
    assert str(first_timecode(film, drop=False)) == text


def test_a_film_without_timecode_begins_at_zero(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mp4", frames=4, rate=NTSC[2])
    assert source_timecode(probe(film)) is None
    assert str(first_timecode(film, drop=True)) == "00:00:00;00"
    other = write_clip(tmp_path / "other.mp4", frames=4, rate=25)
    with pytest.raises(UseError, match=r"29\.97"):
        first_timecode(other, drop=True)


def test_a_timecode_that_does_not_fit_the_rate_is_left_alone(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mkv", frames=4, rate=25, metadata={"timecode": "00:00:00:27"})
    assert source_timecode(probe(film)) is None
