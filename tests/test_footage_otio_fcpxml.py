"""The adapter by which OpenTimelineIO reads and writes FCPXML."""

import random
from fractions import Fraction
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from melies import footage
from melies.errors import UseError
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


@pytest.fixture
def preferred(monkeypatch):
    """This adapter, whether or not there is another one for the ending: as the page says."""
    monkeypatch.setenv("OTIO_PLUGIN_MANIFEST_PATH", str(Path(footage.__file__).with_name("plugin_manifest.json")))
    otio.plugins.ActiveManifest(force_reload=True)
    yield
    monkeypatch.undo()
    otio.plugins.ActiveManifest(force_reload=True)


def test_it_is_found_by_the_ending(tmp_path, preferred):
    (tmp_path / "x.fcpxml").write_text(fcpxml('<asset-clip ref="a" name="one" duration="1s" start="3601s"/>'))
    found = otio.adapters.read_from_file(str(tmp_path / "x.fcpxml"))
    assert rows(found.video_tracks()[0]) == [("one", 90025, 25, 0)]
    assert otio.adapters.from_filepath(str(tmp_path / "x.fcpxml")).name == "melies_fcpxml"


def test_opentimelineio_is_told_of_it():
    assert "melies.footage" in {plugin.value for plugin in entry_points(group="opentimelineio.plugins")}


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


def test_what_programs_leave_out_is_filled_in():
    """As the format says: an offset follows on, a length is all that the source has, a clip's own time begins at 0."""
    spine = """
        <asset-clip ref="b" name="whole"/>
        <audition><asset-clip ref="a" name="picked" start="3700s" duration="1s"/><asset-clip ref="b"/></audition>
        <clip name="inner" duration="2s"><video ref="a" offset="0s" start="3800s"><audio ref="a" lane="-1"/></video>
            <marker start="1s" duration="1/25s" value="one" note="why"/></clip>
        <audio ref="m" name="voice" duration="1s"/>
        <gap duration="4s" start="3600s">
            <audition lane="1" offset="3601s"><asset-clip ref="a" name="hung" duration="1s"/></audition>
            <spine lane="2" offset="3600s"><asset-clip ref="a" name="first" duration="1s"/><gap duration="1s"/>
                <asset-clip ref="a" name="second" duration="1s">
                    <asset-clip ref="a" name="deep" lane="1" offset="3600s" duration="1s"/></asset-clip></spine></gap>
        <ref-clip ref="n" name="all"/>
        <asset-clip ref="a" name="last" duration="1s"><keyword value="x, y"/></asset-clip>"""
    inner = """<media id="n"><sequence format="r1" duration="3s"><spine><asset-clip ref="a" duration="3s"/></spine>
        </sequence></media>"""
    found = read(fcpxml(spine, more=inner))
    below, hung, storyline = found.video_tracks()
    whole = 1001 * 25 / 24
    assert [(name, start, round(length, 3), round(at, 3)) for name, start, length, at in rows(below)] == [
        (name, start, round(length, 3), round(at, 3)) for name, start, length, at in [
            ("whole", 0, whole, 0), ("picked", 92500, 25, whole), ("inner", 95000, 50, whole + 25),
            ("", 0, 25, whole + 75), ("", 90000, 100, whole + 100), ("all", 0, 75, whole + 200),
            ("last", 90000, 25, whole + 275),
        ]
    ]  # fmt: skip
    (marker,) = below[2].markers
    assert (marker.name, marker.comment, marker.marked_range.start_time.value) == ("one", "why", 95025)
    assert list(below[6].metadata["melies"]["keywords"]) == ["x", "y"]
    assert [row[0] for row in rows(hung)] == ["", "hung", "deep"]
    assert [(row[0], row[2]) for row in rows(storyline)][1:] == [("first", 25), ("", 25), ("second", 25)]
    heard = {item.name for track in found.audio_tracks() for item in track if item.name}
    assert heard == {"picked", "inner", "voice", "hung", "first", "second", "deep", "all", "last"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_files_come_in_several_encodings(tmp_path, encoding):
    text = fcpxml('<asset-clip ref="a" name="café" duration="1s"/>').replace("UTF-8", encoding.removesuffix("-sig"))
    (tmp_path / "x.fcpxml").write_bytes(text.encode(encoding))
    assert otio.adapters.read_from_file(str(tmp_path / "x.fcpxml"), "melies_fcpxml").video_tracks()[0][0].name == "café"


def test_melies_leaves_out_what_hangs_on_the_spine_and_says_so(cut, tmp_path, caplog):
    film = cut.cuts[0].source
    spine = """<audio ref="m" name="voice" duration="1s"/>
        <clip name="in" duration="2s"><video ref="f" offset="0s"/>
            <title ref="t" name="The End" lane="1" offset="0s" duration="1s"/></clip>"""
    more = f'''<effect id="t" name="Title" uid="x"/><asset id="f" name="f" src="{film.as_uri()}" start="5994988/1667s"
        duration="3s" hasVideo="1" hasAudio="1" format="r1"/>'''
    text = fcpxml(spine, cut.rate, more=more.replace("5994988/1667s", str(cut.cuts[0].timecode.seconds) + "s"))
    (tmp_path / "x.fcpxml").write_text(text.replace("file:///gone/song.wav", cut.music.as_uri()), "utf-8")
    found = tl.read(tmp_path / "x.fcpxml")
    assert [(one.source, one.start, one.length) for one in found.cuts] == [(None, 0, 1), (film, 0, 2)]
    assert (found.music, found.music_start) == (cut.music, 0)
    assert "The End lies on a lane of its own and is left out." in caplog.text


def test_a_last_transition_ends_with_the_film_and_nothing_overlaps(cut, tmp_path, caplog):
    film, zero = cut.cuts[0].source, cut.cuts[0].timecode.seconds
    asset = f'''<asset id="f" src="{film.as_uri()}" start="{zero}s" duration="3s" hasVideo="1" format="r1"/>'''
    one, two = (
        f'<asset-clip ref="f" name="{name}" offset="{at}s" duration="1s"/>' for name, at in (("a", 0), ("b", 1))
    )
    path = tmp_path / "x.fcpxml"
    late = '<transition offset="59/30s" duration="50s"/>'
    path.write_text(fcpxml(one + two + late, Fraction(30), more=asset), "utf-8")
    found = tl.read(path)
    assert found.frames == 60
    assert found.cuts[-1].source is None
    text = fcpxml(one + two.replace('offset="1s"', 'offset="1/2s"'), Fraction(30), more=asset)
    path.write_text(text, "utf-8")
    with pytest.raises(UseError, match="b overlaps what is before it"):
        tl.read(path)
    read(text)
    assert "b overlaps what is before it, and is put behind that." in caplog.text
    nearly = fcpxml(one + two.replace('offset="1s"', 'offset="10001/10000s"'), Fraction(30), more=asset)
    found = read(nearly)
    assert [item.name for item in found.video_tracks()[0]] == ["a", "b"]


def test_several_projects_are_a_collection():
    text = fcpxml('<asset-clip ref="a" name="x" duration="1s"/>')
    one = text[text.index("<project") : text.index("</event>")]
    found = read(text.replace(one, one * 2))
    assert isinstance(found, otio.schema.SerializableCollection)
    assert [timeline.name for timeline in found] == ["cut", "cut"]
    assert found.name == "day one"


ONE = '<asset-clip ref="a" duration="{}"/>'
INNER = '<ref-clip ref="n" duration="1s"/>'


@pytest.mark.parametrize("text", [
    "", "no xml", "<fcpxml/>", "<!DOCTYPE x [<!ENTITY a 'b'>]><fcpxml/>",
    fcpxml("").replace('frameDuration="1/25s"', ""), fcpxml('<asset-clip ref="a" duration="soon"/>'),
    fcpxml('<ref-clip ref="nothing" duration="1s"/>'), fcpxml('<mc-clip ref="a" duration="1s"/>'),
    fcpxml('<audition offset="0s"/>'), fcpxml("<audition>" * 999 + "</audition>" * 999),
    fcpxml(ONE.format('1e999999999s')), fcpxml(ONE.format('9' * 400 + 's')), fcpxml(ONE.format('1/0s')),
    fcpxml(ONE.format('-1s')), fcpxml(ONE.format('')), fcpxml(ONE.format('nans')), fcpxml(ONE.format('99999999s')),
    fcpxml(ONE.format('1s" lane="two')).replace("<spine>", '<spine><gap duration="1s">').replace("</spine>",
                                                                                                 "</gap></spine>"),
    fcpxml("", Fraction(-25)), fcpxml("", Fraction(10**12)),
    fcpxml('<ref-clip ref="n0" duration="1s"/>', more="".join(
        f'<media id="n{n}"><sequence format="r1"><spine>' + f'<ref-clip ref="n{n + 1}" duration="1s"/>' * 10
        + "</spine></sequence></media>" for n in range(30))),
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
    otio.adapters.write_to_file(found, str(tmp_path / "y.fcpxml"), "melies_fcpxml")
    back = tl.read(tmp_path / "y.fcpxml")
    assert (back.cuts, back.music, back.rate, back.drop) == (cut.cuts, cut.music, cut.rate, cut.drop)
    assert otio.adapters.write_to_string(found, "melies_fcpxml") == (tmp_path / "y.fcpxml").read_text("utf-8")
    with pytest.raises(otio.exceptions.OTIOError, match="missing"):
        otio.adapters.write_to_string(read(fcpxml('<asset-clip ref="a" duration="1s"/>')), "melies_fcpxml")


def test_what_opentimelineio_reads_can_be_rendered(cut, tmp_path):
    found = otio.adapters.read_from_file(str(tl.export(cut, tmp_path / "x.fcpxml")), "melies_fcpxml")
    otio.adapters.write_to_file(found, str(tmp_path / "y.otio"))
    back = tl.read(tmp_path / "y.otio")
    assert (back.cuts, back.music, back.rate, back.drop) == (cut.cuts, cut.music, cut.rate, cut.drop)
