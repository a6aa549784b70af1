"""Rough cuts: briefs, continuity, lengths, music, words, silences, and what is written down of them."""

from __future__ import annotations

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
from melies.footage.assembly.music import Rhythm, onto_beats
from melies.footage.assembly.plan import _stretches, from_brief, montage, spoken, supercut
from melies.footage.assembly.trim import part

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

    def test_lines_without_anything_are_told(self) -> None:
        choices, empty = choose([Beat("a"), Beat("b")], [[], [Candidate(record(1), 0.5)]])
        assert [beat.text for beat in empty] == ["a"]
        assert len(choices) == 1


class TestParts:
    @given(st.floats(0.1, 12), st.floats(0, 9), st.floats(0, 7))
    def test_a_part_lies_on_frames_inside_its_shot(self, seconds: float, start: float, peak: float) -> None:
        shot = record(1, words=said("one two three four", start), energy=0.5, peak=peak)
        found = part(shot, seconds)
        assert shot.shot.start <= found.start < found.end <= shot.shot.end
        assert ((found.start - shot.shot.start) * RATE).denominator == 1
        assert ((found.end - shot.shot.start) * RATE).denominator == 1

    @given(st.floats(0.3, 7), st.floats(0.5, 6))
    def test_no_word_is_cut(self, seconds: float, start: float) -> None:
        words = said("one two three four", start)
        found = part(record(1, words=words), seconds)
        for word in words:
            inside = found.start <= word.start and word.end <= found.end
            outside = word.end <= found.start + Fraction(1, 25) or word.start >= found.end - Fraction(1, 25)
            assert inside or outside or word.end > 8

    def test_it_begins_with_the_movement(self) -> None:
        found = part(record(1, energy=0.6, peak=5.0), 2.0)
        assert float(found.start) == pytest.approx(4.7, abs=0.05)
        assert "movement" in found.why

    def test_dissolves_are_left_out(self) -> None:
        shot = Shot(Path("a.mp4"), 2, Fraction(0), Fraction(4), 0, 100, RATE, "dissolve", 20)
        found = part(Record("x-000000", shot), 4.0)
        assert found.start == Fraction(10, 25)


class TestMusic:
    def rhythm(self) -> Rhythm:
        beats = np.arange(0.5, 30, 0.5)
        weights = np.ones(len(beats))
        weights[::4] = 2
        return Rhythm(beats, weights, np.linspace(0, 1, len(beats)), 30.0, 120.0)

    @given(st.lists(st.floats(0.6, 4), min_size=1, max_size=6))
    def test_cuts_fall_on_beats_near_where_they_were(self, lengths: list[float]) -> None:
        rhythm = self.rhythm()
        ends = onto_beats(np.array(lengths), rhythm)
        assert len(ends) == len(lengths)
        assert set(ends) <= set(rhythm.beats)
        assert all(later - earlier >= 0.5 for earlier, later in pairwise([0.0, *ends]))
        assert np.abs(ends - np.cumsum(lengths)).max() < 2

    def test_the_music_ends_the_film(self) -> None:
        assert len(onto_beats(np.full(40, 2.0), self.rhythm())) < 20

    def test_a_montage_follows_the_music(self) -> None:
        records = [record(n, energy=n / 20) for n in range(20)]
        rough = montage(records, rhythm=self.rhythm())
        energies = [entry.choice.candidate.record.number("energy") or 0 for entry in rough.entries]
        assert np.corrcoef(energies, np.arange(len(energies)))[0, 1] > 0.8
        bounds = np.cumsum([entry.part.seconds for entry in rough.entries])
        assert np.abs(bounds[:, None] - self.rhythm().beats).min(1).max() <= 0.05


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
