"""Timelines: written, read back, read by others, and refused."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from melies.errors import UseError
from melies.footage import timeline as tl
from melies.footage.exchange import pieces
from melies.footage.shot import Shot
from melies.footage.timecode import Timecode
from melies.footage.timeline import ENDINGS, Cut, Marker, Timeline
from melies.media.synthetic import write_clip

otio = pytest.importorskip("opentimelineio", reason="the extra melies[footage] is not installed")

# Rate, and what the camera called its first frame.
RATES = {
    "23.976": (Fraction(24000, 1001), "01:00:00:00"),
    "24": (Fraction(24), "10:11:12:13"),
    "25": (Fraction(25), "09:59:59:20"),
    "29.97df": (Fraction(30000, 1001), "00:59:58;20"),
    "29.97": (Fraction(30000, 1001), "01:00:00:00"),
    "59.94df": (Fraction(60000, 1001), "23:58:59;50"),
    "60": (Fraction(60), None),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """For every rate a film with timecode and sound, whose name needs quoting, and a silent one without."""
    folder = tmp_path_factory.mktemp("timelines")
    made = {}
    for name, (rate, timecode) in RATES.items():
        tags = {"timecode": timecode} if timecode else {}
        own = folder / f"Über & 100% {name}.mov"
        write_clip(own, size=(32, 32), frames=90, rate=rate, sound=True, sound_codec="pcm_s16le", metadata=tags)
        made[name] = own, write_clip(folder / f"b {name}.mp4", size=(32, 32), frames=80, rate=rate)
    return made


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("song") / "my song.mov", size=(16, 16), frames=100, sound=True)


def cut_of(films, name, song=None, rates=RATES):
    """A cut with all that occurs: handles, dissolves in and out, a gap, a shot used twice, one that is mute."""
    rate = rates[name][0]
    own, other = films[name]

    def f(frames):
        return Fraction(frames) / rate

    cuts = (
        Cut(own, f(29), f(58), rate, note="the <best> take"),
        Cut(other, f(20), f(71), rate, dissolve=f(7)),
        Cut(own, f(29), f(58), rate, name="again"),
        Cut(None, f(0), f(11), rate, dissolve=f(5)),
        Cut(own, f(3), f(60), rate, sound=False),
    )
    drop = "df" in name
    return tl.completed(Timeline(f"cut {name}", rate, cuts, song, f(13), (Marker(f(33), "beat & bar"),), drop))


def essence(timeline):
    return [(cut.source, cut.start, cut.end, cut.rate, cut.dissolve, cut.sound) for cut in timeline.cuts]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", RATES)
def test_what_is_written_is_read_back(films, song, tmp_path, name, ending):
    made = cut_of(films, name, song)
    back = tl.read(tl.export(made, tmp_path / f"x{ending}"))
    assert essence(back) == essence(made)
    assert (back.rate, back.frames, back.drop, back.name) == (made.rate, made.frames, made.drop, made.name)
    assert (back.music, back.music_start) == (made.music, made.music_start)
    assert back.markers == made.markers
    assert [cut.note for cut in back.cuts] == [cut.note for cut in made.cuts]
    assert back.cuts[2].name == "again"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("black", [10, 12, 30])
def test_a_film_that_fades_out_keeps_its_length(films, tmp_path, ending, black):
    """The black that it fades to may end with the fade."""
    own, rate = films["25"][0], Fraction(25)
    cuts = (
        Cut(own, 10 / rate, 60 / rate, rate),
        Cut(own, 20 / rate, 60 / rate, rate, dissolve=6 / rate),
        Cut(None, Fraction(0), black / rate, rate, dissolve=10 / rate, sound=False),
    )
    back = tl.read(tl.export(Timeline("x", rate, cuts), tmp_path / f"x{ending}"))
    assert back.frames == 90 + black
    assert [(cut.start, cut.end, cut.dissolve) for cut in back.cuts] == [
        (cut.start, cut.end, cut.dissolve) for cut in cuts
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_music_may_begin_later(films, song, tmp_path, ending):
    made = replace(cut_of(films, "25", song), music_start=Fraction(-2))
    assert tl.read(tl.export(made, tmp_path / f"x{ending}")).music_start == -2


def by_otio(path, rate):
    """First frame and length of every clip of the first track, as OpenTimelineIO's adapter reads them."""
    options = {".edl": {"rate": float(rate)}, ".fcpxml": {"adapter_name": "melies_fcpxml"}}.get(path.suffix, {})
    found = otio.adapters.read_from_file(str(path), **options)
    timeline = found if isinstance(found, otio.schema.Timeline) else found[0]
    track = next(track for track in timeline.video_tracks())
    places = [
        (item.name, item.source_range.start_time.value, item.source_range.duration.value, track.range_of_child(item))
        for item in track
        if isinstance(item, otio.schema.Clip) and isinstance(item.media_reference, otio.schema.ExternalReference)
    ]
    return [(name, start, frames, placed.start_time.value) for name, start, frames, placed in places]


def expected(made, centred):
    """The same, worked out from the cuts: dissolves begin a piece (EDL) or lie around its beginning (all others)."""
    rows = []
    for piece in pieces(made):
        if piece.cut.source is None:
            continue
        early, late = (piece.early, piece.late) if centred else (0, 0)
        start = piece.cut.timecode.frame + round(piece.cut.start * made.rate) + early
        # Programs find films of an EDL by the clip's name.
        name = piece.cut.called if centred else piece.cut.source.name
        rows.append((name, start, piece.stop + late - piece.first - early, piece.first + early))
    return rows


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", RATES)
def test_opentimelineio_reads_every_frame_as_meant(films, tmp_path, name, ending):
    made = cut_of(films, name)
    path = tl.export(made, tmp_path / f"x{ending}")
    assert by_otio(path, made.rate) == expected(made, centred=ending != ".edl")


@pytest.mark.parametrize("name", RATES)
def test_every_time_in_fcpxml_lies_on_a_frame(films, song, tmp_path, name):
    made = cut_of(films, name, song)
    root = ElementTree.parse(tl.export(made, tmp_path / "x.fcpxml")).getroot()
    times = [
        Fraction(value.removesuffix("s"))
        for element in root.find(".//sequence").iter()
        for key, value in element.attrib.items()
        if key in ("offset", "start", "duration", "tcStart")
    ]
    assert len(times) > 15
    assert all((time * made.rate).denominator == 1 for time in times)
    sequence = root.find(".//sequence")
    assert sequence.get("tcStart") == sequence.find("spine/*").get("offset")
    assert Fraction(sequence.get("tcStart").removesuffix("s")) == made.begin.seconds


@pytest.mark.parametrize("name", RATES)
def test_the_times_in_fcpxml_are_those_of_the_cuts(films, tmp_path, name):
    """As Apple describes them, without a reader of ours or of OpenTimelineIO."""
    made = cut_of(films, name)
    sequence = ElementTree.parse(tl.export(made, tmp_path / "x.fcpxml")).getroot().find(".//sequence")

    def frames(element, key):
        return Fraction(element.get(key).removesuffix("s")) * made.rate

    assert [
        (item.get("name"), frames(item, "start"), frames(item, "duration"), frames(item, "offset") - made.begin.frame)
        for item in sequence.iterfind("spine/asset-clip")
    ] == expected(made, centred=True)


def test_an_edl_looks_as_tape_machines_want_it(films, tmp_path):
    made = cut_of(films, "29.97df")
    lines = tl.export(made, tmp_path / "x.edl").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["TITLE: cut 29.97df", "FCM: DROP FRAME"]
    # 29 frames after 00:59:58;20 is 00:59:59;19; the hour has all its numbers.
    assert lines[3] == "001  BER10029 B     C        00:59:59;19 01:00:00;18 01:00:00;00 01:00:00;29"
    assert lines[4] == f"* FROM CLIP NAME: {films['29.97df'][0].name}"
    rows = [line for line in lines if line[:3].isdigit()]
    # Two lines for a dissolve: what ends, at its end, and what begins, with the number of frames.
    assert rows[1] == "002  BER10029 V     C        01:00:00;18 01:00:00;18 01:00:00;29 01:00:00;29"
    assert rows[2] == "002  B2997DF  V     D    007 00:00:00:20 00:00:02:11 01:00:00;29 01:00:02;20"


def test_reels_are_told_apart(tmp_path):
    names = ["interview_anna.mp4", "interview_bert.mp4", "interview-anna.mp4", "日本.mp4", "bl.mp4"]
    files = [write_clip(tmp_path / name, size=(16, 16), frames=5) for name in names]
    made = Timeline("x", Fraction(25), tuple(Cut(file, Fraction(0), Fraction(1, 5), Fraction(25)) for file in files))
    path = tl.export(made, tmp_path / "x.edl")
    reels = [line.split()[1] for line in path.read_text().splitlines() if line[:3].isdigit()]
    assert len(set(reels)) == len(reels)
    assert all(len(reel) <= 8 and reel.isascii() and reel.isalnum() for reel in reels)
    assert "BL" not in reels
    assert essence(tl.read(path)) == essence(tl.completed(made))


def test_an_edl_of_another_program_is_found_by_names(films, tmp_path):
    own, other = films["29.97df"]
    path = tmp_path / "foreign.edl"
    path.write_text(
        "TITLE: FOREIGN\nFCM: DROP FRAME\n\n"
        "001  A001     V     C        00:59:59;00 01:00:00;00 10:00:00;00 10:00:01;00\n"
        f"* FROM CLIP NAME: {own.name}\n"
        "002  A001     V     C        00:59:59;00 00:59:59;00 10:00:02;00 10:00:02;00\n"
        "002  B        V     D    012 00:00:01;00 00:00:02;00 10:00:02;00 10:00:03;00\n"
        f"* FROM CLIP NAME: {own.name}\n* TO CLIP NAME: {other.name}\n"
        f"003  MUSIC    A     C        00:00:00;00 00:00:03;00 10:00:00;00 10:00:03;00\n* FROM CLIP NAME: {own.name}\n"
    )
    with pytest.raises(UseError, match="missing"):
        tl.read(path)
    made = tl.read(path, media=[own.parent])
    rate = Fraction(30000, 1001)
    assert made.rate == rate
    assert made.drop
    assert [(cut.source, cut.start * rate, cut.end * rate, cut.dissolve * rate) for cut in made.cuts] == [
        (own, 10, 40, 0),
        (None, 0, 30, 0),
        (other, 30, 60, 12),
    ]
    assert made.music == own


def test_an_edl_without_a_rate_takes_the_one_that_is_given(films, tmp_path):
    own, _ = films["60"]
    row = "001  A  V  C  00:00:01:00 00:00:02:00 01:00:00:00 01:00:01:00"
    (tmp_path / "x.edl").write_text(f"{row}\n* FROM FILE: {own}\n")
    assert tl.read(tmp_path / "x.edl").rate == 60
    made = tl.read(tmp_path / "x.edl", rate=Fraction(30))
    assert (made.rate, made.cuts[0].start, made.cuts[0].end) == (30, 1, 2)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_film_of_another_rate_keeps_its_time(films, tmp_path, ending):
    first, second = films["25"][0], films["59.94df"][0]
    cuts = (
        Cut(first, Fraction(1), Fraction(2), Fraction(25)),
        Cut(second, Fraction(30030, 60000), Fraction(30030, 60000) + Fraction(4, 5), Fraction(60000, 1001)),
    )
    made = tl.completed(Timeline("mixed", Fraction(25), cuts))
    back = tl.read(tl.export(made, tmp_path / f"x{ending}"))
    assert back.places == made.places == ((0, 25), (25, 45))
    # An EDL has only one rate: it is half a frame of it off at most.
    assert abs(back.cuts[1].start - made.cuts[1].start) <= (Fraction(1, 50) if ending == ".edl" else 0)


@pytest.mark.parametrize("ending", [".otio", ".fcpxml", ".xml"])
def test_nothing_is_shown_beyond_the_end_of_a_film_of_another_rate(tmp_path, ending):
    path = write_clip(tmp_path / "quick.mp4", frames=100, rate=60)  # 5/3 s, which are 41 2/3 frames of 25
    whole, second = Cut(path, Fraction(0), Fraction(5, 3), Fraction(60)), Fraction(1)
    cuts = whole, replace(whole, start=second / 2, end=second), whole
    target = tl.export(Timeline("cut", Fraction(25), cuts), tmp_path / f"cut{ending}")
    again = tl.read(target)
    assert [stop - first for first, stop in again.places] == [41, 13, 41]
    assert all(cut.end <= Fraction(5, 3) for cut in again.cuts)


@pytest.mark.parametrize("ending", ENDINGS)
def test_films_of_odd_and_varying_rates_are_counted_in_frames_that_programs_know(tmp_path, ending):
    times = [0, 33, 66, 100, 166, 200, 233, 266, 300, 333, 366, 400, 433, 466, 533, 566, 600]
    wobbly = write_clip(tmp_path / "w.mp4", size=(32, 32), pts=times, time_base=Fraction(1, 1000))
    slow = write_clip(tmp_path / "s.mp4", size=(32, 32), frames=30, rate=Fraction(25, 2))
    first = Shot(wobbly, 1, Fraction(0), Fraction(3, 10), 0, 8, Fraction(264, 10))
    made = tl.from_shots([first])
    assert made.rate == Fraction(30000, 1001)
    other = Cut(slow, Fraction(8, 25), Fraction(40, 25), Fraction(25, 2))
    made = tl.completed(replace(made, rate=Fraction(30), cuts=(*made.cuts, other)))
    back = tl.read(tl.export(made, tmp_path / f"x{ending}"))
    assert back.rate == 30
    assert back.frames == made.frames
    for cut, meant in zip(back.cuts, made.cuts, strict=True):
        assert abs(cut.start - meant.start) <= Fraction(1, 60)
        assert abs(cut.length - meant.length) <= Fraction(1, 30)
    odd = replace(made, rate=Fraction(25, 2))
    if ending == ".xml":
        with pytest.raises(UseError, match=r"cannot count 12\.5"):
            tl.export(odd, tmp_path / "odd.xml")
    else:
        assert tl.read(tl.export(odd, tmp_path / f"odd{ending}")).places == odd.places


def test_shots_become_a_timeline_in_their_own_timecode(films):
    own, _ = films["29.97df"]
    rate = Fraction(30000, 1001)
    shots = [Shot(own, n, 30 * (n - 1) / rate, 30 * n / rate, 30 * (n - 1), 30, rate) for n in (1, 2, 3)]
    made = tl.from_shots(shots)
    assert made.places == ((0, 30), (30, 60), (60, 90))
    assert made.drop
    assert made.cuts[0].timecode == Timecode.parse("00:59:58;20", rate)
    assert made.cuts[0].available == (0, 90 / rate)
    with pytest.raises(UseError, match="no shots"):
        tl.from_shots([])


@pytest.mark.parametrize("ending", [".otio", ".fcpxml", ".xml"])
def test_sources_are_looked_for_beside_the_timeline(films, tmp_path, ending):
    own, _ = films["25"]
    moved = tmp_path / "media" / own.name
    moved.parent.mkdir()
    moved.write_bytes(own.read_bytes())
    made = Timeline("x", Fraction(25), (Cut(moved, Fraction(1), Fraction(2), Fraction(25)),))
    path = tl.export(made, tmp_path / f"x{ending}")
    relative = path.read_text(encoding="utf-8").replace(moved.as_uri(), f"media/{moved.as_uri().rpartition('/')[2]}")
    assert relative != path.read_text(encoding="utf-8")
    path.write_text(relative, encoding="utf-8")
    assert tl.read(path).cuts[0].source == moved
    moved.rename(tmp_path / own.name)  # beside it, not where it says
    assert tl.read(path).cuts[0].source == tmp_path / own.name
    (tmp_path / own.name).unlink()
    with pytest.raises(UseError, match=r"Über & 100% 25\.mov is missing"):
        tl.read(path)


@pytest.mark.parametrize("ending", [".otio", ".fcpxml", ".xml"])
@pytest.mark.parametrize("address", ["https://example.org/a.mov", "file://server/share/a.mov", "smb://x/a.mov"])
def test_addresses_are_refused(films, tmp_path, ending, address):
    own, _ = films["25"]
    made = Timeline("x", Fraction(25), (Cut(own, Fraction(1), Fraction(2), Fraction(25)),))
    path = tl.export(made, tmp_path / f"x{ending}")
    path.write_text(path.read_text(encoding="utf-8").replace(own.as_uri(), address), encoding="utf-8")
    with pytest.raises(UseError, match="is an address"):
        tl.read(path)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("text", ["", "{}", "<a/>", "<xmeml/>", "<fcpxml", "{", "001 A V C 1 2 3 4", "\x00\xff" * 99])
def test_what_is_no_timeline_is_said_to_be_none(tmp_path, ending, text):
    (tmp_path / f"x{ending}").write_text(text)
    with pytest.raises(UseError, match="x" + ending):
        tl.read(tmp_path / f"x{ending}")


@pytest.mark.parametrize("ending", [".fcpxml", ".xml"])
def test_entities_are_refused(tmp_path, ending):
    text = (
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><xmeml><sequence><name>&b;</name></sequence></xmeml>'
    )
    (tmp_path / f"x{ending}").write_text(text)
    with pytest.raises(UseError, match="entities"):
        tl.read(tmp_path / f"x{ending}")


def test_nothing_is_overwritten_unasked(films, tmp_path):
    made = cut_of(films, "25")
    path = tmp_path / "x.edl"
    path.write_text("mine")
    with pytest.raises(UseError, match="--overwrite"):
        tl.export(made, path)
    assert path.read_text() == "mine"
    tl.export(made, path, overwrite=True)
    assert path.read_text().startswith("TITLE")
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UseError, match="should end in"):
        tl.export(made, tmp_path / "x.aaf")
    with pytest.raises(UseError, match="no folder"):
        tl.export(made, tmp_path / "none" / "x.edl")


def test_a_missing_source_is_named(tmp_path):
    made = Timeline("x", Fraction(25), (Cut(tmp_path / "gone.mp4", Fraction(0), Fraction(1), Fraction(25)),))
    with pytest.raises(UseError, match=r"gone\.mp4"):
        tl.export(made, tmp_path / "x.edl")


@pytest.mark.parametrize(("start", "end", "dissolve"), [(1, 1, 0), (2, 1, 0), (-1, 1, 0), (0, 1, 2), (0, 1, -1)])
def test_impossible_cuts_are_refused(tmp_path, start, end, dissolve):
    with pytest.raises(ValueError, match="cut"):
        Cut(tmp_path, Fraction(start), Fraction(end), Fraction(25), dissolve=Fraction(dissolve))


def test_rates_are_those_that_are_meant():
    assert tl.nominal(Fraction(2997, 100)) == tl.nominal(Fraction(19001, 634)) == Fraction(30000, 1001)
    assert tl.nominal(Fraction(2398, 100)) == Fraction(24000, 1001)
    assert tl.nominal(Fraction(25)) == 25
    assert tl.nominal(Fraction(37, 3)) == Fraction(37, 3)
    assert tl.standard(Fraction(264, 10)) == tl.standard(Fraction(29983, 1000)) == Fraction(30000, 1001)
    assert [tl.standard(Fraction(rate)) for rate in (12, 25, 31, 90)] == [Fraction(24000, 1001), 25, 50, 90]


def test_without_opentimelineio_the_other_formats_still_work(films, tmp_path, monkeypatch):
    monkeypatch.setattr("melies.footage.otio.find_spec", lambda name: None)
    made = cut_of(films, "25")
    with pytest.raises(UseError, match=r"pip install \"melies\[footage\]\""):
        tl.export(made, tmp_path / "x.otio")
    for ending in (".edl", ".fcpxml", ".xml"):
        assert tl.read(tl.export(made, tmp_path / f"x{ending}")).frames == made.frames


@pytest.fixture(scope="module")
def midnight(tmp_path_factory):
    """A film of 23.976 frames per second whose timecode passes midnight after 12 frames, and shots of it."""
    rate = Fraction(24000, 1001)
    path = tmp_path_factory.mktemp("midnight") / "late.mov"
    write_clip(path, size=(32, 32), frames=60, rate=rate, metadata={"timecode": "23:59:59:12"})
    return path, [Shot(path, n, 20 * (n - 1) / rate, 20 * n / rate, 20 * (n - 1), 20, rate) for n in (1, 2, 3)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_timecode_may_pass_midnight(midnight, tmp_path, ending):
    made = tl.from_shots(midnight[1])
    back = tl.read(tl.export(made, tmp_path / f"x{ending}"))
    assert essence(back) == essence(made)
    wider = tl.completed(replace(made, rate=Fraction(25)))
    back = tl.read(tl.export(wider, tmp_path / f"y{ending}"))
    for cut, meant in zip(back.cuts, wider.cuts, strict=True):
        assert abs(cut.start - meant.start) <= (Fraction(1, 50) if ending == ".edl" else 0)


def test_numbers_of_a_source_do_not_begin_again_within_it(midnight, tmp_path):
    made = tl.from_shots(midnight[1])
    begin = Timecode.parse("23:59:59:12", made.rate).frame
    for ending in (".otio", ".xml"):
        rows = by_otio(tl.export(made, tmp_path / f"x{ending}"), made.rate)
        assert [start for _, start, _, _ in rows] == [begin, begin + 20, begin + 40]
    root = ElementTree.parse(tl.export(made, tmp_path / "x.fcpxml")).getroot()
    starts = [Fraction(one.get("start").removesuffix("s")) for one in root.iter("asset-clip")]
    assert [start * made.rate for start in starts] == [begin, begin + 20, begin + 40]


def test_numbers_that_begin_again_at_midnight_are_of_the_next_day(midnight, tmp_path):
    made = tl.from_shots(midnight[1])
    path = tl.export(made, tmp_path / "x.fcpxml")
    text = path.read_text()
    day = made.cuts[0].timecode.day
    for frames in (20, 40):
        start = (Timecode.parse("23:59:59:12", made.rate).frame + frames) / made.rate
        wrapped = start - day
        old = f'start="{start.numerator}/{start.denominator}s"'
        assert old in text
        text = text.replace(old, f'start="{wrapped.numerator}/{wrapped.denominator}s"')
    path.write_text(text)
    assert essence(tl.read(path)) == essence(made)
    row = "001  A  V  C  23:59:58:00 23:59:59:00 01:00:00:00 01:00:01:00"
    (tmp_path / "early.edl").write_text(f"{row}\n* FROM FILE: {midnight[0]}\n")
    with pytest.raises(UseError, match="before the source begins"):
        tl.read(tmp_path / "early.edl")


def test_an_edl_begins_a_film_of_another_rate_with_its_first_frame(films, tmp_path):
    first, second = films["25"][0], films["23.976"][0]  # whose hour is 3603.6 s
    cuts = [Cut(path, Fraction(0), Fraction(1), Fraction(25)) for path in (first, second)]
    for rate in (24, 25, 30, 60):
        made = tl.export(Timeline("x", Fraction(rate), tuple(cuts)), tmp_path / f"{rate}.edl")
        assert 0 <= tl.read(made).cuts[1].start <= Fraction(1, 2 * rate)


def test_a_folder_of_films_must_exist(films, tmp_path):
    path = tl.export(cut_of(films, "25"), tmp_path / "x.edl")
    with pytest.raises(UseError, match=r"no folder .*none"):
        tl.read(path, media=[tmp_path, tmp_path / "none"])


@pytest.mark.parametrize("since", [0, 1, 2])
@pytest.mark.parametrize("ending", ENDINGS)
def test_shots_of_a_varying_rate_are_counted_alike_in_table_and_timeline(tmp_path, ending, since):
    from melies.footage.shot_list import ShotList
    from melies.footage.timecode import first_timecode

    times = [round(n * 100 / 3) for n in range(60) if n % 7 != 3]
    wobbly = write_clip(tmp_path / "w.mp4", size=(32, 32), pts=times, time_base=Fraction(1, 1000))
    bounds = [0, 11, 23, 39, 50]
    shots = [
        Shot(wobbly, n, Fraction(times[a], 1000), Fraction(times[b], 1000), a, b - a, Fraction(26))
        for n, (a, b) in enumerate(pairwise(bounds), 1)
    ]
    found = ShotList(tuple(shots), first_timecode(wobbly))
    assert found.rate == Fraction(30000, 1001)
    back = tl.read(tl.export(tl.from_shots(shots[since:]), tmp_path / f"x{ending}"))
    assert back.rate == found.rate
    told = [found.timecodes(shot) for shot in shots[since:]]
    assert [(found.begin.at(cut.start), found.begin.at(cut.end)) for cut in back.cuts] == told
