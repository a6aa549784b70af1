"""What a machine made is said in the file, in every kind of file, and survives what is done to it later."""

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

import melies
from melies import provenance
from melies.effect import FrameEffect
from melies.errors import MediaError
from melies.media.probe import probe
from melies.media.synthetic import write_clip
from melies.provenance import Provenance, carriers, credentials

SENTENCE = "A face was animated by <somebody> & a performance."
FILMS = ("a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif", "a.webp", "a.apng", "a-%03d.png")
STILLS = ("b.png", "b.jpg", "b.webp")


class Invented(FrameEffect):
    """Stands for an effect that makes something of a face."""

    secret: Path = Path("/home/me/portrait.jpg")

    @property
    def synthesis(self) -> str:
        return SENTENCE

    def process(self, image):
        return 255 - image


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("film") / "in.mp4", frames=5, sound=True)


@pytest.fixture(params=[False, True], ids=["plain", "signed"])
def signing(request, monkeypatch):
    if request.param:
        pytest.importorskip("c2pa", reason="content credentials are an extra")
    monkeypatch.setattr(credentials, "installed", lambda: request.param)
    return request.param


def saved(film: Path, name: str, folder: Path, **options) -> Path:
    still = {"end": 0.02} if name in STILLS else {}
    out = folder / name
    melies.open(film, **still).apply(Invented()).save(out, **options)
    return Path(str(out) % 3) if "%" in name else out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILMS + STILLS)
def test_every_kind_of_file_says_so(film, name, tmp_path, signing):
    out = saved(film, name, tmp_path)
    assert provenance.read(out) == (SENTENCE,)
    frames = 1 if name in STILLS or "%" in name else 5
    assert sum(1 for _ in melies.open(out).frames()) == frames, "the file still plays"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILMS)
def test_it_is_carried_on(film, name, tmp_path):
    first = saved(film, name, tmp_path)
    melies.open(first).save(tmp_path / "later.mp4")
    assert provenance.read(tmp_path / "later.mp4") == (SENTENCE,)


def test_ordinary_films_say_nothing(film, tmp_path):
    melies.open(film).save(tmp_path / "out.mp4")
    assert provenance.read(tmp_path / "out.mp4") == ()
    assert b"MADE_BY_MACHINE" not in (tmp_path / "out.mp4").read_bytes()


def test_the_picture_is_the_same_with_and_without_it(film, tmp_path, monkeypatch):
    monkeypatch.setattr(credentials, "installed", lambda: False)
    out = saved(film, "a-%03d.png", tmp_path)
    monkeypatch.setattr(Invented, "synthesis", None)
    (tmp_path / "plain").mkdir()
    plain = saved(film, "a-%03d.png", tmp_path / "plain")
    first, second = (next(melies.open(file).frames()).image for file in (out, plain))
    assert (first == second).all()


def test_a_signature_holds_and_tells_no_folders(film, tmp_path, monkeypatch):
    c2pa = pytest.importorskip("c2pa", reason="content credentials are an extra")
    out = saved(film, "a.mp4", tmp_path)
    with out.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        said = json.loads(reader.json())
    assert [status["code"] for status in said["validation_status"]] == ["signingCredential.untrusted"]
    manifest = json.dumps(said["manifests"][said["active_manifest"]])
    assert "compositeSynthetic" in manifest
    assert "portrait.jpg" in manifest
    assert "/home/me" not in manifest
    damaged = bytearray(out.read_bytes())
    damaged[damaged.index(b"mdat") + 40] ^= 1
    out.write_bytes(damaged)
    with out.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        codes = [status["code"] for status in json.loads(reader.json())["validation_status"]]
    assert "assertion.bmffHash.mismatch" in codes


def test_the_own_certificate_has_to_be_there(film, tmp_path, monkeypatch):
    pytest.importorskip("c2pa", reason="content credentials are an extra")
    monkeypatch.setenv("MELIES_CREDENTIALS", str(tmp_path / "nowhere"))
    with pytest.raises(MediaError, match=r"chain\.pem cannot be read"):
        saved(film, "a.mp4", tmp_path)
    assert not (tmp_path / "a.mp4").exists()


def test_writing_twice_changes_nothing(film, tmp_path):
    out = saved(film, "a.mp4", tmp_path)
    before = out.read_bytes()
    provenance.write(out, Provenance((SENTENCE,)))
    assert out.read_bytes() == before


def test_a_budget_is_kept(film, tmp_path):
    out = saved(film, "a.gif", tmp_path, max_size=40_000)
    assert out.stat().st_size <= 40_000
    assert provenance.read(out) == (SENTENCE,)


@pytest.mark.parametrize("name", ["x.mp4", "x.png", "x.jpg", "x.gif", "x.webp", "x.mkv", "x.txt"])
@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"RIFF\0\0\0\0WEBPVP8X\xff\xff\xff\xff", b"\xff\xd8\xff\xe1\0"])
def test_nonsense_says_nothing(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert provenance.read(tmp_path / name) == ()


def test_a_packet_of_a_webp_that_had_no_extended_header():
    header = carriers._extended(b"VP8 ", b"\0" * 6 + (97).to_bytes(2, "little") + (65).to_bytes(2, "little"))
    assert (header[4:7], header[7:10]) == ((96).to_bytes(3, "little"), (64).to_bytes(3, "little"))


def test_probe_shows_it(film, tmp_path):
    out = saved(film, "a.mp4", tmp_path)
    told = subprocess.run([sys.executable, "-m", "melies", "probe", out], capture_output=True, text=True, check=True)
    assert SENTENCE in told.stdout.splitlines()[-1]
    told = subprocess.run(
        [sys.executable, "-m", "melies", "probe", "--json", out], capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout)["made_by_machine"] == [SENTENCE]


def test_an_effect_that_found_nobody_claims_nothing(film, tmp_path, caplog):
    out = tmp_path / "out.mp4"
    melies.open(film).apply(melies.Anonymize()).save(out)
    assert provenance.read(out) == ()
    assert "anonymize found no face" in caplog.text


def test_what_was_counted_before_a_render_was_interrupted_counts(monkeypatch):
    from melies.engine.tally import tally, tallying

    tally("swap", 1)  # outside of a render, nobody listens
    with tallying({"swap": 2}) as counts:
        tally("swap", 0)
        tally("mask", 0)
    assert counts == {"swap": 2, "mask": 0}


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_the_comment_of_the_source_stays(film, tmp_path, kind):
    source = tmp_path / f"in.{kind}"
    with av.open(str(film)) as old, av.open(str(source), "w") as new:
        new.metadata["comment"] = "Filmed by me."
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    once = melies.open(source).apply(Invented()).save(tmp_path / f"once.{kind}")
    twice = melies.open(once).apply(Invented()).save(tmp_path / f"twice.{kind}")
    tags = {key.lower(): value for key, value in probe(twice).metadata.items()}
    assert tags["comment"] == f"Filmed by me. Partly made by a machine. {SENTENCE}"
