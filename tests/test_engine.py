"""Stages, shots and constant rates."""

import threading
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from melies.engine.chain import constant_rate
from melies.engine.live import Live
from melies.engine.pipeline import Stage, ordered_map
from melies.engine.shots import WARM_UP, Adaptive, mark_shots, shots
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import picture

TICK = Fraction(1, 25)


def film(*lengths: int, first: int = 0) -> list[Frame]:
    """Scenes of the given lengths, one after another."""
    frames = []
    for scene, length in enumerate(lengths):
        for index in range(length):
            frames.append(Frame(picture(64, 48, index, scene=scene), first + len(frames), TICK, 1))
    return frames


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("melies")]


class TestStage:
    def test_order_is_kept(self) -> None:
        frames = film(20)
        assert list(Stage(iter(frames), "read")) == frames
        assert not workers()

    def test_errors_reach_the_consumer(self) -> None:
        def broken() -> Iterator[Frame]:
            yield from film(2)
            raise RuntimeError("camera unplugged")

        stage = Stage(broken(), "read")
        next(stage)
        next(stage)
        with pytest.raises(RuntimeError, match="camera unplugged"):
            next(stage)
        assert not workers()

    def test_closing_early_closes_the_source_in_its_thread(self) -> None:
        closed_in = []

        def endless() -> Iterator[Frame]:
            try:
                while True:
                    yield from film(1)
            finally:
                closed_in.append(threading.current_thread().name)

        stage = Stage(endless(), "read")
        next(stage)
        stage.close()
        assert closed_in == ["melies read"]
        assert not workers()

    def test_closing_before_the_start(self) -> None:
        stage = Stage(iter(film(3)), "read")
        stage.close()
        assert list(stage) == []

    def test_bytes_are_bounded(self) -> None:
        made = []

        def counting() -> Iterator[Frame]:
            for frame in film(40):
                made.append(frame)
                yield frame

        size = film(1)[0].nbytes
        stage = Stage(counting(), "read", budget=5 * size)
        taken = next(stage)
        while len(made) < 7:  # five wait, one is with us, one is held by the blocked thread
            threading.Event().wait(0.01)
        threading.Event().wait(0.05)
        assert len(made) == 7
        assert taken is made[0]
        stage.close()

    def test_one_large_item_does_not_lock_up(self) -> None:
        assert len(list(Stage(iter(film(5)), "read", budget=1))) == 5

    def test_map_keeps_order_and_bounds(self) -> None:
        flying = []
        peak = []
        lock = threading.Lock()

        def work(number: int) -> int:
            with lock:
                flying.append(number)
                peak.append(len(flying))
            threading.Event().wait(0.002 * (number % 3))
            with lock:
                flying.remove(number)
            return number * 2

        assert list(ordered_map(work, iter(range(50)), 4)) == [n * 2 for n in range(50)]
        assert max(peak) <= 4


class TestShots:
    def test_cuts_are_found(self) -> None:
        marked = list(mark_shots(iter(film(20, 30, 15))))
        assert [i for i, frame in enumerate(marked) if frame.cut] == [0, 20, 50]

    def test_flashes_are_not_shots(self) -> None:
        frames = film(20, 3, 30)
        assert [i for i, frame in enumerate(mark_shots(iter(frames))) if frame.cut] == [0, 20]

    def test_split(self) -> None:
        marked = mark_shots(iter(film(20, 30)))
        assert [len(list(shot)) for shot in shots(marked)] == [20, 30]

    def test_a_shot_left_early_is_skipped(self) -> None:
        firsts = [next(shot).pts for shot in shots(mark_shots(iter(film(20, 30, 20))))]
        assert firsts == [0, 20, 50]

    @pytest.mark.parametrize("begin", [20, 27, 35, 50])
    def test_starting_in_the_middle_finds_the_same(self, begin: int) -> None:
        frames = film(20, 30, 15)
        whole = [f.cut for f in mark_shots(iter(frames))]
        last = max(i for i in range(begin + 1) if whole[i])
        part = mark_shots(iter(frames[begin - WARM_UP :]), begin * TICK, last * TICK)
        assert [f.cut for f in part] == whole[begin:]

    @pytest.mark.parametrize("lengths", [(), (1,), (2,), (5,)])
    def test_short_clips(self, lengths: tuple[int, ...]) -> None:
        marked = list(mark_shots(iter(film(*lengths))))
        assert [f.cut for f in marked] == [True, False, False, False, False][: len(marked)]
        assert len(marked) == sum(lengths)

    def test_the_detector_says_what_pyscenedetect_says(self) -> None:
        from scenedetect import AdaptiveDetector, FrameTimecode

        rng = np.random.default_rng(3)
        colours = rng.integers(0, 256, (9, 1, 1, 3))
        noise = rng.integers(-30, 31, (90, 36, 64, 3)) * rng.random((90, 1, 1, 1))
        pictures = np.clip(np.repeat(colours, 10, axis=0) + noise, 0, 255).astype(np.uint8)
        ours, theirs = Adaptive(), AdaptiveDetector(window_width=2, min_scene_len=0)
        found = [index - 2 for index, picture in enumerate(pictures) if ours.step(picture)]
        known = [
            cut.frame_num
            for index, picture in enumerate(pictures)
            for cut in theirs.process_frame(FrameTimecode(index, 25.0), picture)
        ]
        assert found == known
        assert 3 <= len(found) < 9

    @pytest.mark.parametrize(("new", "shown"), [(25, 60), (24, 60), (12, 60), (15, 60), (25, 30), (30, 30)])
    @pytest.mark.parametrize("noise", [0, 2])
    def test_repeated_pictures_are_no_neighbours(self, new: int, shown: int, noise: int) -> None:
        rng = np.random.default_rng(7)
        scenes = rng.integers(0, 256, (2, 8, 100, 3)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
        scenes[1] //= 4

        def picture(index: int) -> NDArray[np.uint8]:
            at = index * new // shown
            moved = scenes[0 if at < 40 else 1][:, 2 * at : 2 * at + 128].astype(np.int16)
            grain = rng.integers(-noise, noise + 1, moved.shape)
            return np.clip(moved + grain, 0, 255).astype(np.uint8)

        detector, count = Adaptive(), 80 * shown // new
        found = [index - 2 for index in range(count) if detector.step(picture(index))]
        assert [at for at in found if at >= shown // 2] == [-(-40 * shown // new)]

    def test_a_still_film_may_have_moved_a_little_before_a_cut(self) -> None:
        rng = np.random.default_rng(7)
        scenes = rng.integers(0, 256, (2, 64, 128, 3)).astype(np.uint8)
        moved = np.roll(scenes[0], 2, 1)
        shaken = [scenes[0]] * 12 + [moved] * 3 + [scenes[0]] * 7 + [scenes[1]] * 9
        detector = Adaptive()
        assert 22 in [index - 2 for index, picture in enumerate(shaken) if detector.step(picture)]

    def test_real_cuts(self, footage: Path) -> None:
        import melies

        clip = melies.open(footage / "footage" / "face_noface.mov")
        cuts = [i for i, f in enumerate(mark_shots(clip.source.frames())) if f.cut]
        assert cuts in ([0, 72], [0, 73])  # one black frame lies between the man and the animation


times = st.lists(st.integers(1, 200), min_size=1, max_size=40)


class TestConstantRate:
    @settings(max_examples=100)
    @given(times, st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]))
    def test_every_tick_shows_the_nearest_picture(self, durations: list[int], rate: Fraction) -> None:
        base = Fraction(1, 1000)
        frames, pts = [], 0
        for number, duration in enumerate(durations):
            frames.append(Frame(np.full((1, 1, 3), number, np.uint8), pts, base, duration))
            pts += duration
        out = list(constant_rate(iter(frames), rate))
        assert all(b.pts == a.pts + 1 for a, b in pairwise(out))
        assert out[0].pts == 0
        for shown in out:
            moment = shown.pts / rate
            due = max((f for f in frames if f.pts * base <= moment + 1 / (2 * rate)), key=lambda f: f.pts)
            begins_late = moment + 1 / (2 * rate) == due.pts * base
            if not begins_late:
                assert shown.image[0, 0, 0] == due.image[0, 0, 0]
        assert abs(len(out) / rate - pts * base) <= max(1 / rate, Fraction(1, 1000))

    def test_cuts_survive(self) -> None:
        marked = mark_shots(iter(film(20, 30)))
        out = list(constant_rate(marked, Fraction(10)))
        assert [f.pts for f in out if f.cut] == [0, 8]


class TestLive:
    def test_the_oldest_waiting_frame_is_dropped(self) -> None:
        spec = VideoSpec(64, 48, Fraction(25), TICK)
        live = Live(spec, [], waiting=2)
        frames = film(5)
        for frame in frames:
            live.push(frame)
        live.finish()
        assert list(live) == frames[3:]
        assert live.dropped == 3
        live.close()
        assert not workers()
