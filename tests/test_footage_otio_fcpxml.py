"""The adapter by which OpenTimelineIO reads and writes FCPXML."""

import random
from fractions import Fraction

import pytest

from melies.footage import timeline as tl
from melies.footage.timeline import Cut, Marker, Timeline
from melies.media.synthetic import write_clip

otio = pytest.importorskip("opentimelineio", reason="the extra melies[footage] is not installed")

RATES = [Fraction(rate) for rate in (12, 24, 25, 30, 48, 50, 60, 120)] + [
    Fraction(base * 1000, 1001) for base in (24, 30, 60, 120)
]


def fcpxml(spine, rate=Fraction(25), begin="0s", more=""):
    """What an editing program might write; none of its films is there."""
    tick = f"{rate.denominator}/{rate.numerator}s"
    return f"""<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE fcpxml><fcpxml version="1.10"><resources>
        <format id="r1" frameDuration="{tick}" width="1920" height="1080"/>
        <format id="r2" frameDuration="1001/24000s"/>
        <asset id="a" name="a" src="file:///gone/a%20b.mov" start="3600s" duration="7200s" hasVideo="1" hasAudio="1"
            format="r1"/>
        <asset id="b" name="b" start="0s" duration="1001/24s" hasVideo="1" format="r2">
            <media-rep kind="original-media" src="file:///gone/b.mov"/></asset>
        <asset id="m" name="song" src="file:///gone/song.wav" start="0s" duration="200s" hasAudio="1"/>{more}
        </resources><library><event name="day one"><project name="cut"><sequence format="r1" tcStart="{begin}">
        <spine>{spine}</spine></sequence></project></event></library></fcpxml>"""


def read(text):
    return otio.adapters.read_from_string(text, "melies_fcpxml")


def rows(track):
    """Name, start, length and place of all items but transitions; of starts and lengths the rates."""
    return [
        (item.name, item.source_range.start_time.value, item.source_range.duration.value,
         track.range_of_child(item).start_time.value)
        for item in track if not isinstance(item, otio.schema.Transition)
    ]  # fmt: skip


def test_it_is_found_by_the_ending(tmp_path):
    (tmp_path / "x.fcpxml").write_text(fcpxml('<asset-clip ref="a" name="one" duration="1s" start="3601s"/>'))
    found = otio.adapters.read_from_file(str(tmp_path / "x.fcpxml"))
    assert rows(found.video_tracks()[0]) == [("one", 90025, 25, 0)]


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
def test_every_number_of_a_frame_is_exact(rate):
    chosen = random.Random(7)
    numbers = [(chosen.randrange(10**7), chosen.randrange(1, 10**5)) for _ in range(500)]
    spine = "".join(
        f'<asset-clip ref="a" name="x" start="{start / rate}s" duration="{length / rate}s"/>'
        for start, length in numbers
    )
    (track,) = read(fcpxml(spine, rate)).video_tracks()
    assert [row[1:3] for row in rows(track)] == numbers
    assert {item.source_range.duration.rate for item in track} == {float(rate)}
    assert track.duration().value == sum(length for _, length in numbers)


def test_an_editor_may_hang_things_on_the_spine():
    spine = """
        <gap duration="2s" offset="3600s" start="0s"><marker start="1s" duration="1/25s" value="begin"/></gap>
        <asset-clip ref="a" name="one" offset="3602s" start="3700s" duration="4s"><note>good</note>
            <asset-clip ref="b" name="over" lane="1" offset="3701s" start="0s" duration="2s" enabled="0"/>
            <asset-clip ref="m" name="song" lane="-1" offset="3700s" start="10s" duration="6s"/>
            <spine lane="2" offset="3702s"><clip name="story" offset="1s" duration="1s" start="3800s">
                <video ref="a" offset="3600s"/></clip></spine>
            <marker start="3703s" duration="1/25s" value="here"/></asset-clip>
        <transition name="Cross Dissolve" offset="139/25s" duration="1s"/>
        <title ref="none" name="The End" offset="3606s" duration="2s"/>
        <ref-clip ref="n" name="inner" offset="3608s" duration="1s" srcEnable="video"/>"""
    inner = """<media id="n"><sequence format="r1"><spine><asset-clip ref="a" name="deep" start="3650s" duration="3s"/>
        </spine></sequence></media>"""
    found = read(fcpxml(spine.replace("139/25s", "90139/25s"), begin="3600s", more=inner))
    assert (found.name, found.global_start_time.value) == ("cut", 90000)
    below, over, story = found.video_tracks()
    assert rows(below) == [("", 0, 50, 0), ("one", 92500, 100, 50), ("The End", 0, 50, 150), ("inner", 0, 25, 200)]
    assert [marker.name for marker in below[0].markers] + [marker.name for marker in below[1].markers] == [
        "begin", "here"]  # fmt: skip
    assert below[1].markers[0].marked_range.start_time.value == 3703 * 25
    assert below[1].metadata["melies"]["note"] == "good"
    assert below[1].media_reference.target_url == "file:///gone/a%20b.mov"
    assert below[1].media_reference.available_range.start_time.value == 90000
    dissolve = below[2]
    assert (dissolve.in_offset.value, dissolve.out_offset.value) == (11, 14)
    assert isinstance(below[3].media_reference, otio.schema.GeneratorReference)
    assert isinstance(below[4], otio.schema.Stack)
    assert rows(below[4][0]) == [("deep", 91250, 75, 0)]
    assert rows(over) == [("", 0, 75, 0), ("over", 0, 50, 75)]
    assert over[1].source_range.start_time.rate == 24000 / 1001
    assert over[1].media_reference.target_url == "file:///gone/b.mov"
    assert not over[1].enabled
    assert rows(story)[1] == ("story", 95000, 25, 125)
    heard, song = found.audio_tracks()
    assert rows(heard)[1] == ("one", 92500, 100, 50)
    assert rows(song)[1] == ("song", 250, 150, 50)


def test_several_projects_are_a_collection():
    text = fcpxml('<asset-clip ref="a" name="x" duration="1s"/>')
    one = text[text.index("<project") : text.index("</event>")]
    found = read(text.replace(one, one * 2))
    assert isinstance(found, otio.schema.SerializableCollection)
    assert [timeline.name for timeline in found] == ["cut", "cut"]
    assert found.name == "day one"


INNER = '<ref-clip ref="n" duration="1s"/>'


@pytest.mark.parametrize("text", [
    "", "no xml", "<fcpxml/>", "<!DOCTYPE x [<!ENTITY a 'b'>]><fcpxml/>",
    fcpxml("").replace('frameDuration="1/25s"', ""), fcpxml('<asset-clip ref="a" duration="soon"/>'),
    fcpxml('<ref-clip ref="nothing" duration="1s"/>'), fcpxml('<mc-clip ref="a" duration="1s"/>'),
    fcpxml('<audition offset="0s" duration="1s"/>'),
    fcpxml(INNER, more=f'<media id="n"><sequence format="r1"><spine>{INNER}</spine></sequence></media>'),
])  # fmt: skip
def test_what_cannot_be_read_is_said_in_its_own_kind_of_error(text):
    with pytest.raises(otio.exceptions.OTIOError):
        read(text)


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    folder, rate = tmp_path_factory.mktemp("cut"), Fraction(30000, 1001)
    tags = {"timecode": "00:59:58;20"}
    film = write_clip(folder / "Ü & 1.mov", size=(32, 32), frames=90, rate=rate, sound=True, metadata=tags)
    song = write_clip(folder / "song.mov", size=(16, 16), frames=100, sound=True)
    cuts = (
        Cut(film, 29 / rate, 58 / rate, rate, note="take <2>"),
        Cut(None, Fraction(0), 11 / rate, rate, sound=False),
        Cut(film, 3 / rate, 60 / rate, rate, sound=False, dissolve=7 / rate),
    )
    return tl.completed(Timeline("cut", rate, cuts, song, Fraction(1), (Marker(33 / rate, "beat"),), drop=True))


def test_opentimelineio_writes_what_melies_reads(cut, tmp_path):
    found = otio.adapters.read_from_file(str(tl.export(cut, tmp_path / "x.otio")))
    otio.adapters.write_to_file(found, str(tmp_path / "y.fcpxml"))
    back = tl.read(tmp_path / "y.fcpxml")
    assert (back.cuts, back.music, back.rate, back.drop) == (cut.cuts, cut.music, cut.rate, cut.drop)
    assert otio.adapters.write_to_string(found, "melies_fcpxml") == (tmp_path / "y.fcpxml").read_text("utf-8")
    with pytest.raises(otio.exceptions.OTIOError, match="missing"):
        otio.adapters.write_to_string(read(fcpxml('<asset-clip ref="a" duration="1s"/>')), "melies_fcpxml")


def test_what_opentimelineio_reads_can_be_rendered(cut, tmp_path):
    found = otio.adapters.read_from_file(str(tl.export(cut, tmp_path / "x.fcpxml")))
    otio.adapters.write_to_file(found, str(tmp_path / "y.otio"))
    back = tl.read(tmp_path / "y.otio")
    assert (back.cuts, back.music, back.rate, back.drop) == (cut.cuts, cut.music, cut.rate, cut.drop)
