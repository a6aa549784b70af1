"""Rough cuts: briefs, continuity, lengths, music, words, silences, and what is written down of them."""

from __future__ import annotations

import wave
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melies.errors import UseError
from melies.footage import Label, Record, Shot, Word
from melies.footage.assembly import Beat, choose, clashes, parse
from melies.footage.assembly.choose import Candidate
from melies.footage.assembly.music import Rhythm, _on_beat, _tempo, ends, listen
from melies.footage.assembly.plan import Rough, from_brief, montage, supercut, trailer
from melies.footage.assembly.silence import _stretches
from melies.footage.assembly.trim import Moment, moments, part, quote
from melies.footage.search_conditions import spoken
from melies.footage.terms import parse as parse_search

RATE = Fraction(25)


def record(
    number: int,
    seconds: float = 8,
    *,
    file: str = "",
    people: tuple[str, ...] = (),
    words: tuple[Word, ...] = (),
    energy: float | None = None,
    peak: float | None = None,
    **facets: str,
) -> Record:
    path = Path(file or f"film{number}.mp4")
    frames = round(seconds * RATE)
    start = Fraction(10 * number) if file else Fraction(0)
    shot = Shot(path, number, start, start + frames / RATE, 0, frames, RATE)
    labels = [Label(facet, value, 0.9, "measured") for facet, value in facets.items()]
    if energy is not None:
        labels.append(Label("energy", energy, 0.9, "measured", {} if peak is None else {"peak": peak}))
    return Record(f"{number:016d}-000000", shot, tuple(labels), people, words)


def said(text: str, start: float = 1.0, each: float = 0.4) -> tuple[Word, ...]:
    return tuple(
        Word(word, start + index * each, start + index * each + 0.9 * each, 0.9)
        for index, word in enumerate(text.split())
    )


def write_drums(path: Path, first: float, step: float, hats: float) -> None:
    """Twelve seconds of a bass drum on every beat, and cymbals half-way between."""
    rate, random = 22050, np.random.default_rng(0)
    samples, time = np.zeros(12 * rate), np.arange(rate // 5) / rate
    drum = 0.4 * np.sin(2 * np.pi * 55 * time) * np.exp(-14 * time)
    cymbal = hats * 0.5 * np.diff(random.standard_normal(len(time)), prepend=0) * np.exp(-70 * time)
    for beat in np.arange(first, 11.0, step):
        for begin, sound in ((beat, drum), (beat + step / 2, cymbal)):
            samples[int(begin * rate) :][: len(sound)] += sound
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((32767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())


class TestBrief:
    def test_lines_are_beats(self) -> None:
        text = (
            "# Morning\n\n- a red door (3 s)\n2. *wide* shot of the sea [0:04.5]\n\n"
            "<!-- not\nthis -->\n## Night\n> she says “no”\n"
        )
        assert parse(text) == [
            Beat("a red door", 3.0, "Morning", 3),
            Beat("*wide* shot of the sea", 4.5, "Morning", 4),
            Beat("she says “no”", None, "Night", 9),
        ]

    @pytest.mark.parametrize("text", ["", "\n\n", "# only a title", "<!-- nothing -->"])
    def test_an_empty_brief_is_refused(self, text: str) -> None:
        with pytest.raises(UseError, match="asks for no shots"):
            parse(text)

    @pytest.mark.parametrize("line", ["a door (0 s)", "(3 s)"])
    def test_a_line_that_cannot_be_is_named(self, line: str) -> None:
        with pytest.raises(UseError, match="Line 2"):
            parse(f"first\n{line}")

    @given(st.text(max_size=200))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        try:
            beats = parse(text)
        except UseError:
            return
        lines = len(text.splitlines())
        assert all(1 <= beat.line <= lines and beat.text for beat in beats)


class TestContinuity:
    def rules(self, one: Record, other: Record) -> dict[str, float]:
        return {clash.rule: clash.cost for clash in clashes(one, other)}

    def test_the_same_subject_in_the_same_size_jumps(self) -> None:
        one, other = (record(n, people=("Anna",), size="close-up") for n in (1, 2))
        assert self.rules(one, other)["jump cut"] == 1

    def test_a_change_of_two_sizes_is_welcome(self) -> None:
        one, other = record(1, people=("Anna",), size="close-up"), record(2, people=("Anna",), size="medium")
        assert self.rules(one, other)["cut in"] < 0

    def test_neighbouring_pieces_of_a_film_are_one_subject(self) -> None:
        one, other = record(1, 9.5, file="a.mp4", size="long"), record(2, file="a.mp4", size="long")
        assert "jump cut" in self.rules(one, other)

    def test_the_same_person_keeps_looking_the_same_way(self) -> None:
        left, right = (record(n, people=("Anna",), facing=way) for n, way in ((1, "left"), (2, "right")))
        assert self.rules(left, right)["180 degrees"] > 0

    def test_two_people_look_at_each_other(self) -> None:
        left, right = record(1, people=("Anna",), facing="left"), record(2, people=("Ben",), facing="right")
        assert self.rules(left, right)["eyelines"] < 0

    @pytest.mark.parametrize("moves", [("pan left", "pan right"), ("pan right", "pan left"), ("push in", "pull out")])
    def test_moves_against_each_other(self, moves: tuple[str, str]) -> None:
        assert self.rules(record(1, movement=moves[0]), record(2, movement=moves[1]))["motion"] > 0

    def test_what_is_not_known_costs_nothing(self) -> None:
        assert clashes(record(1), record(2)) == []


class TestChoosing:
    def test_the_best_match_wins(self) -> None:
        options = [Candidate(record(1), 0.3), Candidate(record(2), 0.9)]
        choices, empty = choose([Beat("a")], [options])
        assert [choice.candidate.record.shot.number for choice in choices] == [2]
        assert not empty

    def test_a_jump_cut_is_avoided_when_there_is_something_else(self) -> None:
        first = Candidate(record(1, people=("Anna",), size="close-up"), 0.9)
        same = Candidate(record(2, people=("Anna",), size="close-up"), 0.9)
        wider = Candidate(record(3, people=("Anna",), size="full"), 0.6)
        choices, _ = choose([Beat("a"), Beat("b")], [[first], [same, wider]])
        assert choices[1].candidate is wider
        assert choices[1].others == 1

    def test_a_shot_is_used_once_while_there_are_others(self) -> None:
        options = [Candidate(record(n), 0.9 - 0.1 * n) for n in range(4)]
        choices, _ = choose([Beat("a")] * 4, [options] * 4)
        assert sorted(choice.candidate.record.shot.number for choice in choices) == [0, 1, 2, 3]

    def test_a_weak_match_leaves_a_shot_to_the_line_that_it_fits_best(self) -> None:
        shot, other, poor = record(1), record(2), record(3)
        rabbit = [Candidate(shot, 0.41, weak=True), Candidate(poor, 0.23, weak=True)]
        gym = [Candidate(shot, 0.43, weak=True), Candidate(other, 0.37, weak=True)]
        for lines, wanted in (([rabbit, gym], [3, 1]), ([gym, rabbit], [1, 3])):
            choices, _ = choose([Beat("a"), Beat("b")], lines)
            assert [choice.candidate.record.shot.number for choice in choices] == wanted
        # Where nothing else is there, it is used all the same; and a good match is as good as any.
        choices, _ = choose([Beat("a"), Beat("b")], [rabbit[:1], gym])
        assert choices[0].candidate.record is shot
        strong = [replace(rabbit[0], weak=False), rabbit[1]]
        choices, _ = choose([Beat("a"), Beat("b")], [strong, gym])
        assert [choice.candidate.record.shot.number for choice in choices] == [1, 2]

    def test_lines_without_anything_are_told(self) -> None:
        choices, empty = choose([Beat("a"), Beat("b")], [[], [Candidate(record(1), 0.5)]])
        assert [beat.text for beat in empty] == ["a"]
        assert len(choices) == 1


class TestParts:
    @given(st.floats(0.1, 12), st.floats(0, 9), st.floats(0, 7))
    def test_a_part_is_as_long_as_asked_and_lies_on_frames_inside_its_shot(
        self, seconds: float, start: float, peak: float
    ) -> None:
        shot = record(1, energy=0.5, peak=peak)
        found = part(shot, seconds)
        if found is None:
            assert seconds > 7.9
            return
        assert shot.shot.start <= found.start < found.end <= shot.shot.end
        assert (found.end - found.start) * RATE == round(seconds * RATE)
        assert ((found.start - shot.shot.start) * RATE).denominator == 1

    @given(st.floats(0.3, 7), st.floats(0.5, 6))
    def test_no_word_is_cut(self, seconds: float, start: float) -> None:
        words = said("one two three four", start)
        found = part(record(1, words=words), seconds)
        assert found is not None
        for word in words:
            assert not word.start < float(found.start) < word.end
            assert not word.start < float(found.end) < word.end

    @given(st.floats(0.5, 5), st.integers(0, 3))
    def test_what_is_quoted_is_heard_and_nothing_else(self, start: float, index: int) -> None:
        words = said("one two three four", start)
        found = quote(record(1, words=words), words[index : index + 1])
        assert found.start <= words[index].start < words[index].end <= found.end
        tick = 1 / RATE
        assert all(other.end <= found.start + tick for other in words[:index])
        assert all(other.start >= found.end - tick for other in words[index + 1 :])

    def test_a_part_has_the_words_that_are_asked_for(self) -> None:
        words = said("one two three four", 5.0)
        found = part(record(1, words=words), 2.0, words[2:])
        assert found is not None
        assert float(found.start) <= words[2].start < words[3].end <= float(found.end)

    def test_it_begins_with_the_movement(self) -> None:
        found = part(record(1, energy=0.6, peak=5.0), 2.0)
        assert found is not None
        assert float(found.start) == pytest.approx(4.7, abs=0.05)
        assert "movement" in found.why

    @given(st.floats(0.1, 8), st.floats(0, 7.95), st.floats(0, 7.9))
    def test_what_a_shot_was_chosen_for_is_seen(self, seconds: float, time: float, peak: float) -> None:
        time = round(time * RATE) / float(RATE)  # stills are frames
        found = part(record(1, energy=0.5, peak=peak), seconds, shown=[Moment(time, "smiling")])
        if found is None:
            assert round(seconds * RATE) > 200
            return
        assert float(found.start) <= time < float(found.end)
        assert f"{time:.1f} s (smiling)" in found.why
        assert "without" not in found.why
        if "movement" in found.why:
            assert found.start == pytest.approx(peak - 0.3, abs=0.05)
        least = min(0.3, (found.seconds - 0.04) / 2) - 0.03
        room = min(time, 7.96 - time) >= 0.3
        assert not room or min(time - found.start, found.end - time) >= least

    def test_of_two_moments_too_far_apart_it_says_which_is_not_seen(self) -> None:
        moments = [Moment(1.0, "smiling"), Moment(2.0, "laughing"), Moment(7.0, "frowning")]
        found = part(record(1), 2.0, shown=moments)
        assert found is not None
        assert found.start <= 1 < 2 <= found.end
        assert found.why == "around 1.0 s (smiling) and 2.0 s (laughing), without 7.0 s (frowning)"
        words = quote(record(1, words=said("no matter")), said("no matter"), moments)
        assert words.why.startswith("from “no” to “matter”, with 1.0 s (smiling), without 2.0 s")

    def test_words_are_not_cut_for_a_moment(self) -> None:
        words = said("a long sentence", 3.0, each=1.0)
        found = part(record(1, words=words), 1.0, shown=[Moment(3.5, "smiling")])
        assert found is not None
        assert found.start <= 3.5 < found.end
        for word in words:
            assert not any(word.start < float(end) < word.end for end in (found.start, found.end))

    def test_moments_are_those_of_what_was_asked(self) -> None:
        labels = (
            Label("expression", "smiling", 0.9, "clearest", {"at": 5.0}),
            Label("expression", "eyes closed", 0.8, "clearest", {"at": 5.0}),
            Label("expression", "frowning", 0.8, "clearest", {"at": 1.0}),
            Label("energy", 0.8, 0.9, "most", {"peak": 6.0}),
        )
        shot = replace(record(1), labels=labels)
        assert moments(shot, parse_search("a smiling woman with eyes closed").conditions) == (
            Moment(5.0, "smiling, eyes closed"),
        )
        assert moments(shot, parse_search("lively, frowning or surprised").conditions) == (
            Moment(1.0, "frowning"), Moment(6.0, "lively"),
        )  # fmt: skip
        assert moments(shot, parse_search("calm, nobody smiling").conditions) == ()

    def test_dissolves_are_left_out(self) -> None:
        shot = Record("x-000000", Shot(Path("a.mp4"), 2, Fraction(0), Fraction(4), 0, 100, RATE, "dissolve", 20))
        assert part(shot, 4.0) is None
        found = part(shot, 3.6)
        assert found is not None
        assert found.start == Fraction(10, 25)


class TestMusic:
    def rhythm(self) -> Rhythm:
        beats = np.arange(0.5, 30, 0.5)
        weights = np.ones(len(beats))
        weights[::4] = 2
        return Rhythm(beats, weights, np.linspace(0, 1, len(beats)), 30.0, 120.0)

    def off(self, rough: Rough) -> float:
        """How far the worst cut is from a beat, in seconds."""
        if not rough.entries:
            return 0.0
        bounds = np.cumsum([entry.part.seconds for entry in rough.entries])
        return float(np.abs(bounds[:, None] - self.rhythm().beats).min(1).max())

    @given(st.floats(0, 20), st.floats(0.6, 4))
    def test_cuts_end_on_beats_near_where_they_should(self, now: float, length: float) -> None:
        rhythm = self.rhythm()
        possible = ends(now, length, rhythm)
        assert set(possible) == {beat for beat in rhythm.beats if beat > now + 0.5}
        assert abs(possible[0] - now - length) < max(1.0, length / 2)

    @given(st.lists(st.floats(0.7, 8), min_size=3, max_size=12))
    def test_every_cut_is_on_a_beat_whatever_the_shots(self, lengths: list[float]) -> None:
        records = [
            record(n, round(length * 25) / 25, words=said("a b c", 0.3) if n % 2 else ())
            for n, length in enumerate(lengths)
        ]
        rough = montage(records, 20, self.rhythm())
        assert self.off(rough) <= 0.021

    def test_a_montage_follows_the_music(self) -> None:
        records = [record(n, energy=n / 20) for n in range(20)]
        rough = montage(records, rhythm=self.rhythm())
        energies = [entry.choice.candidate.record.number("energy") or 0 for entry in rough.entries]
        assert np.corrcoef(energies, np.arange(len(energies)))[0, 1] > 0.6
        assert self.off(rough) <= 0.021
        assert sum(entry.part.seconds for entry in rough.entries) == pytest.approx(30, abs=2)

    def test_quoted_words_are_heard_with_music_too(self) -> None:
        words = said("not this but never again I say", 2.0)
        find = lambda text, most: [Candidate(record(1, words=words), 0.9)]  # noqa: E731
        rough = from_brief([Beat('a man says "never again"')], find, rhythm=self.rhythm())
        (entry,) = rough.entries
        assert entry.part.start <= words[3].start < words[4].end <= entry.part.end
        assert self.off(rough) <= 0.021

    @pytest.mark.parametrize(("tempo", "hats"), [(90, 0.0), (90, 1.0), (128, 0.3), (128, 1.0)])
    def test_cymbals_between_the_beats_do_not_mislead(self, tempo: int, hats: float, tmp_path: Path) -> None:
        pytest.importorskip("librosa")
        song, step = tmp_path / "song.wav", 60 / tempo
        write_drums(song, 0.3, step, hats)
        heard = listen(song)
        assert heard.tempo == pytest.approx(tempo, abs=0.5)
        off = (heard.beats[1:] - 0.3) / step  # the first is often a guess
        assert np.abs(off - np.round(off)).max() < 0.15

    @pytest.mark.parametrize("tempo", [90, 120, 174])
    def test_the_tempo_is_that_of_the_beats(self, tempo: int) -> None:
        beats = np.round((0.5 + np.arange(60) * 60 / tempo) * 22050 / 512) * 512 / 22050  # as precise as librosa
        beats[0] -= 0.1  # a guess
        assert _tempo(beats) == pytest.approx(tempo, abs=0.25)
        assert _tempo(np.delete(beats, [10, 20, 21])) == pytest.approx(tempo, abs=0.25)
        assert _tempo(np.cumsum(np.tile([0.4, 0.5, 0.7], 20))) is None
        assert _tempo(np.array([1.0, 1.5])) == 120
        assert _tempo(np.array([1.0])) is None

    def test_a_bass_on_the_beat_leaves_beats_where_they_are(self) -> None:
        places, low = np.arange(10, 200, 20), np.ones(220, np.float32)
        low[places] = 2
        assert np.array_equal(_on_beat(places, low), places)
        assert np.array_equal(_on_beat(places, np.roll(3 * low, 10) - 2), places - 10)

    def test_a_montage_of_short_shots_takes_more_of_them(self) -> None:
        rough = montage([record(n, 1.0) for n in range(12)], 10)
        assert sum(entry.part.seconds for entry in rough.entries) == pytest.approx(10, abs=0.3)
        assert len({entry.choice.candidate.record.id for entry in rough.entries}) == len(rough.entries) >= 10
        # What is not there cannot be filled: no shot is repeated for it.
        assert len(montage([record(n, 1.0) for n in range(4)], 10).entries) == 4

    def test_a_long_montage_is_not_made_of_the_same_few(self) -> None:
        records = [record(n) for n in range(200)]
        rough = montage(records, 250)
        assert len({entry.choice.candidate.record.id for entry in rough.entries}) == len(rough.entries) == 100

    def test_who_waits_is_told_how_far_it_is(self) -> None:
        told: list[tuple[int, int]] = []
        montage([record(n) for n in range(30)], 25, seen=lambda *far: told.append(far))
        assert told == [(n, 10) for n in range(10)]
        told.clear()
        from_brief([Beat("a"), Beat("b")], lambda text, most: [], seen=lambda *far: told.append(far))
        assert told == [(0, 2), (1, 2)]


class TestCuts:
    def find(self, text: str, most: int) -> list[Candidate]:
        number = int(text.rsplit(maxsplit=1)[-1])
        return [Candidate(record(number, energy=number / 10), 0.8)]

    def test_the_whole_is_as_long_as_asked(self) -> None:
        beats = [Beat(f"shot {n}") for n in range(6)]
        rough = from_brief(beats, self.find, 15.0)
        lengths = [entry.part.seconds for entry in rough.entries]
        assert sum(lengths) == pytest.approx(15, abs=0.3)
        assert len({round(length, 2) for length in lengths}) > 3

    def test_lines_keep_their_length(self) -> None:
        rough = from_brief([Beat("shot 1", 2.0), Beat("shot 2")], self.find, 6.0)
        assert [round(entry.part.seconds, 1) for entry in rough.entries] == [2.0, 4.0]

    def test_sections_become_markers(self) -> None:
        beats = [Beat("shot 1", 2.0, "One"), Beat("shot 2", 2.0, "One"), Beat("shot 3", 1.0, "Two")]
        timeline = from_brief(beats, self.find).timeline("cut")
        assert [(marker.name, marker.time) for marker in timeline.markers] == [("One", 0), ("Two", 4)]
        assert [cut.note for cut in timeline.cuts] == ["shot 1", "shot 2", "shot 3"]

    def test_what_is_said_twice_is_taken_from_where_it_is_heard_best(self) -> None:
        words = (Word("never", 1.0, 1.4, 0.2), Word("never", 5.0, 5.4, 0.9))
        (entry,) = from_brief([Beat("“never”")], lambda text, most: [Candidate(record(1, words=words), 0.9)]).entries
        assert entry.part.start <= 5 < 5.4 <= entry.part.end

    def test_a_line_that_nobody_says_stays_empty(self) -> None:
        rough = from_brief([Beat("“goodbye” 1"), Beat("shot 2")], self.find)
        assert [beat.text for beat in rough.empty] == ["“goodbye” 1"]

    def test_what_short_shots_cannot_give_the_others_do(self) -> None:
        find = lambda text, most: [Candidate(record(len(text), 1 if len(text) == 1 else 19), 0.9)]  # noqa: E731
        rough = from_brief([Beat("a"), Beat("bb"), Beat("ccc")], find, 20)
        assert sum(entry.part.seconds for entry in rough.entries) == pytest.approx(20, abs=0.1)

    @pytest.mark.parametrize("seconds", [15, 30, 60])
    def test_a_trailer_is_as_long_as_asked(self, seconds: int) -> None:
        shots = [record(n, 2 + n % 7) for n in range(60)]
        rough = trailer(lambda text, most: [Candidate(shot, 0.5) for shot in shots], seconds)
        assert sum(entry.part.seconds for entry in rough.entries) == pytest.approx(seconds, abs=1)

    @pytest.mark.parametrize(("seconds", "count"), [(6, 60), (30, 4), (1.3, 60)])
    def test_a_short_trailer_and_one_of_few_shots_show_nothing_twice(self, seconds: float, count: int) -> None:
        shots = [record(n, 2 + n % 7) for n in range(count)]
        rough = trailer(lambda text, most: [Candidate(shot, 0.5) for shot in shots], seconds)
        used = [entry.choice.candidate.record.id for entry in rough.entries]
        assert len(set(used)) == len(used) <= count
        assert sum(entry.part.seconds for entry in rough.entries) == pytest.approx(min(seconds, 14), abs=0.3)

    @pytest.mark.parametrize("rate", [Fraction(24), RATE])
    def test_a_cut_has_as_many_frames_as_asked_where_its_shots_have_them(self, rate: Fraction) -> None:
        rates = [RATE, Fraction(30), Fraction(30000, 1001)]
        shots = [
            replace(one, shot=replace(one.shot, frames=int(one.shot.seconds * rates[n % 3]), rate=rates[n % 3]))
            for n, one in enumerate(record(n, 1.1 + n % 3, words=said("some words here", 0.3)) for n in range(9))
        ]
        for seconds in (3, 5.04, 6, 10):
            rough = trailer(lambda text, most: [Candidate(shot, 0.5) for shot in shots], seconds)
            made = rough.lasting(seconds, rate)
            assert made.timeline("cut", rate=rate).frames == round(seconds * rate)
            for entry, other in zip(made.entries, rough.entries, strict=True):
                assert entry.part.seconds == pytest.approx(other.part.seconds, abs=0.3)
                assert entry.choice.candidate.record.shot.end >= entry.part.end
        few = trailer(lambda text, most: [Candidate(shot, 0.5) for shot in shots[:2]], 10)
        assert few.lasting(10) == few, "there is no more"

    def test_lines_keep_their_length_where_others_give_way(self) -> None:
        beats = [Beat("shot 1", 2.02), Beat("shot 2"), Beat("shot 3", 1.0)]
        rough = from_brief(beats, self.find, 6.0).lasting(6.0, Fraction(30))
        assert rough.timeline("cut", rate=Fraction(30)).frames == 180
        assert [entry.part.seconds for entry in rough.entries] == pytest.approx([2.0, 3.0, 1.0], abs=0.041)
        assert rough.entries[2].part.seconds == 1

    def test_a_cut_of_a_film_of_another_rate_shows_nothing_beyond_its_shot(self) -> None:
        shot = record(1, 4).shot
        quick = replace(shot, end=Fraction(100, 60), frames=100, rate=Fraction(60))
        shots = {"a": replace(record(1), shot=quick), "b": record(2)}
        find = lambda text, most: [Candidate(shots[text], 0.9)]  # noqa: E731
        rough = from_brief([Beat("a", 1.7), Beat("b", 2), Beat("b", 2), Beat("a", 1.7)], find)
        timeline = rough.timeline("cut", rate=RATE)
        lengths = [stop - first for first, stop in timeline.places]
        assert lengths == [41, 50, 50, 41]  # 5/3 s are 41 2/3 frames

    def test_flashes_of_a_shot_are_not_used(self) -> None:
        find = lambda text, most: [Candidate(record(1, 0.3), 0.9), Candidate(record(2), 0.5)]  # noqa: E731
        (entry,) = from_brief([Beat("a")], find).entries
        assert entry.choice.candidate.record.shot.number == 2

    def test_nothing_found_is_an_error(self) -> None:
        with pytest.raises(UseError, match="Nothing in the catalogue fits"):
            from_brief([Beat("x")], lambda text, most: []).timeline("cut")

    def test_a_supercut_has_every_time_it_is_said(self) -> None:
        words = said("Never, I say, never again", 1)
        rough = supercut([record(2, words=words), record(1, words=said("not now"))], "never")
        assert [entry.choice.candidate.said[0].text for entry in rough.entries] == ["Never,", "never"]
        for entry in rough.entries:
            word = entry.choice.candidate.said[0]
            assert entry.part.start <= word.start < word.end <= entry.part.end

    def test_phrases_are_found_whatever_the_punctuation(self) -> None:
        words = said("Ever tried. Ever failed. No matter.")
        assert [one[0].text for one in spoken(words, "EVER FAILED")] == ["Ever"]
        assert not list(spoken(words, "tried failed"))
        assert [one[-1].text for one in spoken(said("the train leaves at 9."), "at nine")] == ["9."]


class TestSilence:
    @given(st.lists(st.booleans(), min_size=5, max_size=80).filter(any))
    def test_what_is_heard_is_kept(self, heard: list[bool]) -> None:
        windows = np.repeat(heard, 4)
        end = Fraction(len(windows), 10) + Fraction(3, 10)
        found = _stretches(windows, 0.1, 0.4, end, RATE)
        assert all(0 <= start < stop <= end for start, stop in found)
        assert all(later[0] - earlier[1] >= Fraction(34, 100) for earlier, later in pairwise(found))
        for first in 4 * np.flatnonzero(heard):
            # The sound that four windows in a row have in common.
            assert any(start <= 0.1 * first + 0.3 and 0.1 * first + 0.4 <= stop for start, stop in found)
