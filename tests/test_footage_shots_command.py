"""`melies shots`: what it prints, what it writes, what it refuses; and TransNetV2's file, against numpy."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import melies
from melies import cli
from melies.bench._edited import CUT, Edited, Join, Reel
from melies.errors import ModelError
from melies.footage.detect import detect
from melies.footage.shot_list import ENDINGS, split
from melies.media.synthetic import picture
from melies.models.convert import transnet

NTSC = Fraction(30000, 1001)
FIRSTS = [0, 30, 75]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots at 29.97, whose name has to be escaped."""

    def scene(number: int) -> Reel:
        return lambda index: picture(96, 64, index, scene=number)

    joins = [CUT, CUT]
    edited = Edited([scene(0), scene(1), scene(2)], [30, 45, 35], joins, NTSC)
    return edited.save(tmp_path_factory.mktemp("film") / "a <b> & c.mp4")


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_table_names_frames_by_timecode(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("shots", film, "--drop-frame") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["shot", "in", "out", "seconds", "frames", "begins"]
    assert [line.split()[:3] for line in lines] == [
        ["1", "00:00:00;00", "00:00:01;00"],
        ["2", "00:00:01;00", "00:00:02;15"],
        ["3", "00:00:02;15", "00:00:03;20"],
    ]


def test_everything_as_json(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("shots", film, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rate"] == "30000/1001"
    assert [shot["first"] for shot in told["shots"]] == FIRSTS
    assert [shot["frames"] for shot in told["shots"]] == [30, 45, 35]
    assert told["shots"][1]["in"] == "00:00:01:00"
    assert told["shots"][1]["start"] == pytest.approx(1.001)
    assert [shot["transition"] for shot in told["shots"]] == ["start", "cut", "cut"]


def test_the_films_own_timecode_counts(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av

    own = tmp_path / "own.mov"
    with av.open(str(film)) as source, av.open(str(own), "w") as out:
        out.metadata["timecode"] = "10:00:59;20"
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    assert run("shots", own, "--json") == 0
    shots = json.loads(capsys.readouterr().out)["shots"]
    assert [shot["in"] for shot in shots] == ["10:00:59;20", "10:01:00;22", "10:01:02;07"]


def test_every_kind_of_list(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("opentimelineio", reason="needs melies[footage]")
    targets = [tmp_path / f"list{ending}" for ending in ENDINGS]
    assert run("shots", film, *(word for target in targets for word in ("--to", target))) == 0
    assert capsys.readouterr().err.splitlines()[-len(targets) :] == [str(target) for target in targets]
    with (tmp_path / "list.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["first"]) for row in rows] == FIRSTS
    assert [row["in"] for row in rows] == ["00:00:00:00", "00:00:01:00", "00:00:02:15"]
    assert (tmp_path / "list.qp").read_text() == "0 I -1\n30 I -1\n75 I -1\n"
    from melies.footage.timeline import read

    for ending in (".edl", ".otio", ".fcpxml", ".xml"):
        timeline = read(tmp_path / f"list{ending}", media=[film.parent])
        assert [round(cut.start * NTSC) for cut in timeline.cuts] == FIRSTS, ending
        assert [round(cut.length * NTSC) for cut in timeline.cuts] == [30, 45, 35], ending
    assert not list(tmp_path.glob("*.part"))


class Page(HTMLParser):
    """What a page shows and what it fetches."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_contact_sheet_needs_nothing_else(film: Path, tmp_path: Path) -> None:
    import base64

    import cv2

    sheet = tmp_path / "sheet.html"
    assert run("shots", film, "--to", sheet, "-q") == 0
    page = Page()
    page.feed(sheet.read_text())
    assert page.tags.count("figure") == 3
    assert "b" in page.tags
    assert "a <b> & c.mp4" in page.text
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.fetched)
    frames = [frame.image for frame in melies.open(film).frames()]
    for shot, address in zip(detect(film), page.fetched, strict=True):
        jpeg = np.frombuffer(base64.b64decode(address.split(",")[1]), np.uint8)
        seen = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))[..., ::-1]
        middle = shot.first + shot.frames // 2
        near = range(middle - 2, middle + 3)
        assert min(near, key=lambda at: float(np.abs(seen.astype(int) - frames[at]).mean())) == middle


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_films_are_split_at_the_frame(film: Path, suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"film{suffix}"
    melies.open(film).save(source, quality=95)
    frames = [frame.image.astype(int) for frame in melies.open(source).frames()]
    pieces = split(detect(source), tmp_path / "parts")
    assert pieces[0].copied, "a film begins with a key frame"
    parts = [piece.path for piece in pieces]
    copied = {piece.path for piece in pieces if piece.copied}
    assert [part.name for part in parts] == [f"film-{number:03}{suffix}" for number in (1, 2, 3)]
    index = 0
    for part in parts:
        for frame in melies.open(part).frames():
            near = range(max(0, index - 2), min(len(frames), index + 3))
            closest = min(near, key=lambda at: float(np.abs(frames[at] - frame.image).mean()))
            assert closest == index
            assert part not in copied or np.array_equal(frames[index], frame.image), "copied as it is"
            index += 1
    assert index == len(frames)


def test_what_does_not_begin_with_a_key_frame_is_encoded(film: Path, tmp_path: Path) -> None:
    (whole, *_) = detect(film)
    late = replace(whole, start=whole.start + 5 / whole.rate, first=5, frames=whole.frames - 5)
    early = replace(whole, end=whole.end - 5 / whole.rate, frames=whole.frames - 5)
    for shot, copied in ((late, False), (early, True)):
        (piece,) = split([shot], tmp_path / str(shot.first))
        # B-frames at the end may need the picture after it.
        assert piece.copied <= copied
        assert sum(1 for _ in melies.open(piece.path).frames()) == shot.frames


def test_nothing_of_the_users_is_overwritten(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "shots.csv"
    table.write_text("mine")
    assert run("shots", film, "--to", table) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert table.read_text() == "mine"
    assert run("shots", film, "--to", table, "--overwrite", "-q") == 0
    assert table.read_text().startswith("shot,in,out")
    folder = tmp_path / "parts"
    folder.mkdir()
    kept = folder / "a <b> & c-002.mp4"
    kept.write_text("mine")
    listed = tmp_path / "other.csv"
    assert run("shots", film, "--split", folder, "--to", listed) == 2
    assert not listed.exists()
    assert run("shots", film, "--split", table) == 2
    assert [path.name for path in folder.iterdir()] == [kept.name]
    assert kept.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "list.pdf"], "should end in"),
        (["--to", "none/list.csv"], "no folder"),
        (["--start", "soon"], "should be a time"),
        (["--start", "9"], "between the chosen start and end"),
        (["--detector", "magic"], "'magic' is not one of"),
        (["--threshold", "-1"], "-1"),
        (["--threshold", "nan"], "nan is no number"),
        (["--threshold", "inf"], "inf is no number"),
        (["--max-errors", "-1"], "-1"),
        pytest.param(
            ["--to", "/proc/list.csv"],
            "/proc/list.csv cannot be written",
            marks=pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no such folder here"),
        ),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    film: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("shots", film, *words) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert "Traceback" not in errors


def test_drop_frame_is_for_the_rates_that_have_it(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain.mp4"
    melies.open(film).save(plain, fps=25)
    assert run("shots", plain, "--drop-frame") == 2
    assert re.search(r"29\.97", capsys.readouterr().err)


def test_more_broken_frames_are_tolerated_where_that_is_asked(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short.mkv"
    melies.open(film).save(short)
    data = bytearray(short.read_bytes())
    data[len(data) // 4 : -len(data) // 4 : 40] = bytes(len(data[len(data) // 4 : -len(data) // 4 : 40]))
    short.write_bytes(data)
    assert run("shots", short, "-q") != 0
    assert "--max-errors" in capsys.readouterr().err
    assert run("shots", short, "-q", "--max-errors", "100") == 0
    assert run("storyboard", short, "--to", tmp_path / "b.pdf", "-q") != 0
    assert run("storyboard", short, "--to", tmp_path / "b.pdf", "-q", "--max-errors", "100") == 0


def test_lists_drop_numbers_where_the_table_does(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from melies.footage.timeline import read

    assert run("shots", film, "--drop-frame", "--to", tmp_path / "a.edl", "--to", tmp_path / "a.fcpxml") == 0
    assert "00:00:02;15" in capsys.readouterr().out
    assert "00:00:02;15" in (tmp_path / "a.edl").read_text()
    for ending in (".edl", ".fcpxml"):
        timeline = read(tmp_path / f"a{ending}")
        assert timeline.drop
        assert [round(cut.start * NTSC) for cut in timeline.cuts] == FIRSTS


def test_every_target_is_checked_before_the_film_is_read(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from melies.footage import detect

    odd = tmp_path / "odd.mp4"
    melies.open(film).save(odd, fps="25/2")
    monkeypatch.setattr(detect, "detect", lambda *_, **__: pytest.fail("the film was read"))
    (tmp_path / "file").write_text("mine")
    edl = tmp_path / "a.edl"
    for words, said in ((["--to", tmp_path / "a.xml"], "12.5 frames"), (["--split", tmp_path / "file"], "is a file")):
        assert run("shots", odd, "--to", edl, *words) == 2
        assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "odd.mp4"]


def test_blends_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def scene(number: int) -> Reel:
        return lambda index: picture(96, 64, index // 4, scene=number)

    path = tmp_path / "film.mp4"
    Edited([scene(0), scene(1)], [60, 60], [Join("dissolve", 20)]).save(path)
    assert run("shots", path) == 0
    assert re.search(r"dissolve, (1[89]|2[0-3]) frames", capsys.readouterr().out)


# the converter

OTHERS = ["fc1.bias", "SDDCNN.1.DDCNN.0.bn.weight", "SDDCNN.2.DDCNN.1.Conv3D_8.layers.1.weight"]


def weights(width: int = 2) -> dict[str, NDArray[np.float32]]:
    """Random weights of a narrow TransNetV2."""
    random = np.random.default_rng(0)
    made: dict[str, NDArray[np.float32]] = {}

    def give(name: str, *shape: int) -> None:
        made[name] = (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:], initial=1.0))).astype(np.float32)

    into = 3
    for stack in range(3):
        out = width * 2**stack
        for block in range(2):
            name = f"SDDCNN.{stack}.DDCNN.{block}"
            for dilation in (1, 2, 4, 8):
                give(f"{name}.Conv3D_{dilation}.layers.0.weight", 2 * out, into, 1, 3, 3)
                give(f"{name}.Conv3D_{dilation}.layers.1.weight", out, 2 * out, 3, 1, 1)
            for part in ("weight", "bias", "running_mean", "running_var"):
                give(f"{name}.bn.{part}", 4 * out)
            made[f"{name}.bn.running_var"] = np.abs(made[f"{name}.bn.running_var"]) + np.float32(0.5)
            made[f"{name}.bn.num_batches_tracked"] = np.zeros((), np.float32)
            into = 4 * out
    sizes = {"frame_sim_layer.projection": (128, 28 * width), "frame_sim_layer.fc": (128, 101)}
    sizes |= {"color_hist_layer.fc": (128, 101), "fc1": (32, 16 * width * 18 + 256)}
    sizes |= {"cls_layer1": (1, 32), "cls_layer2": (1, 32)}
    for name, (rows, columns) in sizes.items():
        give(f"{name}.weight", rows, columns)
        give(f"{name}.bias", rows)
    return made


def reference(made: dict[str, Any], frames: Any, colours: Any) -> tuple[Any, Any]:
    """The network as its paper has it: `frames` 3×100×27×48."""

    def conv(x: Any, kernel: Any, dilation: int) -> Any:
        over = kernel.shape[2:]
        pads = [(0, 0), *((size // 2 * (dilation if axis == 0 else 1),) * 2 for axis, size in enumerate(over))]
        padded = np.pad(x, pads)
        total = 0
        for t, y, z in np.ndindex(*over):
            part = padded[:, t * dilation : t * dilation + x.shape[1], y : y + x.shape[2], z : z + x.shape[3]]
            total = total + np.einsum("oc,cthw->othw", kernel[:, :, t, y, z], part)
        return total

    def block(x: Any, name: str) -> Any:
        parts = []
        for dilation in (1, 2, 4, 8):
            layers = f"{name}.Conv3D_{dilation}.layers"
            parts.append(conv(conv(x, made[f"{layers}.0.weight"], 1), made[f"{layers}.1.weight"], dilation))
        bn = [
            made[f"{name}.bn.{part}"][:, None, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        ]
        return (np.concatenate(parts) - bn[2]) / np.sqrt(bn[3] + 1e-3) * bn[0] + bn[1]

    def linear(x: Any, name: str) -> Any:
        return x @ made[f"{name}.weight"].T + made[f"{name}.bias"]

    def compared(vectors: Any) -> Any:
        padded = np.pad(vectors @ vectors.T, [(0, 0), (50, 50)])
        return np.array([padded[row, row : row + 101] for row in range(100)])

    x, means = frames, []
    for stack in range(3):
        short = np.maximum(block(x, f"SDDCNN.{stack}.DDCNN.0"), 0)
        x = np.maximum(block(short, f"SDDCNN.{stack}.DDCNN.1"), 0) + short
        height, width = x.shape[2] // 2, x.shape[3] // 2
        x = x[:, :, : 2 * height, : 2 * width].reshape(*x.shape[:2], height, 2, width, 2).mean((3, 5))
        means.append(x.mean((2, 3)))
    features = linear(np.concatenate(means).T, "frame_sim_layer.projection")
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    alike = np.maximum(linear(compared(features), "frame_sim_layer.fc"), 0)
    coloured = np.maximum(linear(compared(colours), "color_hist_layer.fc"), 0)
    hidden = np.concatenate([coloured, alike, x.transpose(1, 2, 3, 0).reshape(100, -1)], 1)
    hidden = np.maximum(linear(hidden, "fc1"), 0)
    return tuple(1 / (1 + np.exp(-linear(hidden, name)[:, 0])) for name in ("cls_layer1", "cls_layer2"))


def test_the_network_is_the_one_of_the_paper() -> None:
    import onnxruntime

    made = weights()
    random = np.random.default_rng(1)
    frames = random.random((100, 3, 27, 48), dtype=np.float32)
    colours = random.random((100, 512), dtype=np.float32)
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    session = onnxruntime.InferenceSession(transnet.convert(made))
    got = session.run(["last", "within"], {"frames": frames, "colours": colours})
    for one, other in zip(got, reference(made, frames.transpose(1, 0, 2, 3), colours), strict=True):
        assert np.abs(one - other).max() < 1e-5
        assert np.ptp(other) > 1e-3


@pytest.mark.parametrize(
    "name", ["fc1.bias", "SDDCNN.1.DDCNN.0.bn.weight", "SDDCNN.2.DDCNN.1.Conv3D_8.layers.1.weight"]
)
def test_other_weights_are_refused(name: str) -> None:
    made = weights()
    renamed = {("other" if key == name else key): value for key, value in made.items()}
    with pytest.raises(ModelError, match="TransNetV2"):
        transnet.convert(renamed)
    with pytest.raises(ModelError, match="TransNetV2"):
        transnet.convert({**made, name: made[name][:1]})
