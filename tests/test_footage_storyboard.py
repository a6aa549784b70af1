"""Storyboards: what stands on them, in both kinds of file."""

import re
import zlib
from base64 import b64decode
from fractions import Fraction
from html import unescape
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from melies import cli
from melies.errors import UseError
from melies.footage.label import Label
from melies.footage.pacing import pacing
from melies.footage.record import Record, Word
from melies.footage.shot import Shot
from melies.footage.storyboard import Panel, board
from melies.footage.storyboard_arrows import with_arrows
from melies.footage.storyboard_overview import Row, palette, ribbon, step
from melies.footage.storyboard_page import Page, Pdf, measure, wrap
from melies.media import synthetic


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two shots of a second each, whose file says when it was taken."""
    path = tmp_path_factory.mktemp("board") / "a <film>.mp4"
    with av.open(str(path), "w") as out:
        out.metadata["timecode"] = "10:00:00:00"
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 108, "yuv420p"
        for index in range(50):
            image = synthetic.picture(192, 108, 0, scene=index // 25)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        out.mux(stream.encode(None))
    return path


def shot_of(film, number, seconds=2):
    start = Fraction(2 * (number - 1))
    return Shot(film, number, start, start + seconds, 50 * (number - 1), 50, Fraction(25))


def panels(film, count, words=""):
    rng = np.random.default_rng(3)
    for number in range(1, count + 1):
        image = np.full((90, 160, 3), rng.integers(0, 255, 3), np.uint8)
        labels = (
            Label("size", "close-up", 0.9, ""),
            Label("angle", "low", 0.4, ""),
            Label("movement", "pan left", 0.8, ""),
            Label("pace", "slow", 0.8, ""),
            Label("speed", 0.1, 0.8, ""),
        )
        yield Panel(shot_of(film, number), image, labels, words)


def streams(pdf):
    """All pages' operators."""
    found = re.findall(rb"<< /Filter /FlateDecode /Length \d+ >>\nstream\n(.*?)\nendstream", pdf, re.S)
    return [zlib.decompress(one).decode("cp1252") for one in found]


def texts(html):
    return [unescape(one) for one in re.findall(r"<text[^>]*>(.*?)</text>", html)]


def test_a_film_becomes_a_board(film, tmp_path):
    with pytest.raises(SystemExit) as left:
        cli.main(["storyboard", str(film), "--to", str(tmp_path / "board.html"), "--quiet"])
    assert not left.value.code
    html = (tmp_path / "board.html").read_text(encoding="utf-8")
    said = texts(html)
    assert {"a <film>.mp4", "10:00:00:00", "10:00:01:00", "1.0 s"} <= set(said)
    assert html.count("<svg") == 2
    # The first page has the ribbon, the second the two shots.
    pictures = [
        cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        for data in re.findall(r'href="data:image/jpeg;base64,([^"]+)"', html)
    ]
    assert [picture.shape for picture in pictures[1:]] == [(108, 192, 3)] * 2
    assert not re.search(r'(src|href)="(?!data:)', html), "it must need no other file"


def test_pdf_and_html_say_the_same(film, tmp_path):
    for ending in ("pdf", "html"):
        assert board(panels(film, 14, "He said (quietly) \\ no."), tmp_path / f"b.{ending}", title="Tïtle") == 14
    said = texts((tmp_path / "b.html").read_text(encoding="utf-8"))
    pages = streams((tmp_path / "b.pdf").read_bytes())
    assert len(pages) == 3
    shown = [re.sub(r"\\(.)", r"\1", one) for page in pages for one in re.findall(r"Td \((.*?)\) Tj ET", page)]
    assert sorted(shown) == sorted(said)
    assert {"CU", "low angle, slow pan left", "“He said (quietly) \\ no.”", "14", "10:00:26:00"} <= set(said)


def test_every_object_of_the_pdf_is_where_its_table_says(film, tmp_path):
    board(panels(film, 30, "日本語の台詞"), tmp_path / "b.pdf", title="映画")
    pdf = (tmp_path / "b.pdf").read_bytes()
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", pdf)[1])
    table = pdf[start:].splitlines()
    assert table[0] == b"xref"
    count = int(table[1].split()[1])
    for number in range(1, count):
        offset = int(table[2 + number].split()[0])
        assert pdf[offset:].startswith(b"%d 0 obj\n" % number)
    assert pdf[pdf.index(b"/Title <") + 8 :].startswith(b"feff" + "映画".encode("utf-16-be").hex().encode())
    for kind, length in re.findall(rb"/Filter /(\w+)[^>]*?/Length (\d+) >>\nstream\n", pdf):
        assert kind in (b"FlateDecode", b"DCTDecode")
        assert int(length) > 0


def test_signs_that_pdf_fonts_lack_are_drawn(film, tmp_path):
    import io

    file = io.BytesIO()
    pdf = Pdf(file, "x")
    page = Page()
    page.text(100, 100, "Жизнь", 10)
    pdf.finish(page)
    data = file.getvalue()
    match = re.search(rb"/Width (\d+) /Height (\d+) /BitsPerComponent 8 /ColorSpace /DeviceGray[^>]*>>\nstream\n", data)
    width, height = int(match[1]), int(match[2])
    plane = np.frombuffer(zlib.decompressobj().decompress(data[match.end() :]), np.uint8).reshape(height, width)
    assert plane.max() == 255
    assert (plane[:, : width // 5] > 0).any()
    assert (plane[:, -width // 5 :] > 0).any()
    assert "Tj" not in streams(data)[0]


def test_a_board_is_the_same_every_time(film, tmp_path):
    for ending in ("pdf", "html"):
        first, second = tmp_path / f"1.{ending}", tmp_path / f"2.{ending}"
        board(panels(film, 3), first, title="x")
        board(panels(film, 3), second, title="x")
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
def test_nothing_leaves_the_page_or_overlaps(film, tmp_path, columns):
    board(panels(film, 40, "word " * 60), tmp_path / "b.html", title="x", columns=columns)
    html = (tmp_path / "b.html").read_text(encoding="utf-8")
    for page in re.findall(r"<svg.*?</svg>", html, re.S)[1:]:
        boxes = np.array(
            [[float(v) for v in one] for one in re.findall(
                r'<image x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', page)]
        )  # fmt: skip
        right, low = boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
        assert boxes.min() > 0
        assert right.max() < 595.28
        lines = [
            (float(x), float(y), float(size), unescape(text))
            for x, y, size, text in re.findall(
                r'<text x="([\d.]+)" y="([\d.]+)" font-size="([\d.]+)"[^>]*>(.*?)<', page
            )
        ]
        assert max(y for _, y, _, _ in lines) < 841.89 - 20
        assert max(x + measure(text, size) for x, _, size, text in lines) < 595.28 - 30
        for x, y, size, _ in lines:
            inside = (boxes[:, 0] < x) & (x < right) & (boxes[:, 1] < y - 1) & (y - 0.7 * size + 1 < low)
            assert not inside.any()


def test_long_dialogue_is_cut_and_words_without_spaces_are_broken():
    for text in ("a fairly long line of dialogue " * 9, "这是一个很长的句子没有空格" * 9, "x" * 300):
        lines = wrap(text, 150, 7, 3)
        assert len(lines) == 3
        assert lines[-1].endswith("…")
        assert all(measure(line, 7) <= 150 for line in lines)
    assert wrap("short", 150, 7, 3) == ["short"]


def test_records_of_a_catalogue_need_no_picture_and_no_labels(film, tmp_path):
    picture = tmp_path / "still.jpg"
    cv2.imwrite(str(picture), np.full((36, 64, 3), 90, np.uint8))
    words = (Word("Good", 0.1, 0.2, 0.9), Word("evening.", 0.2, 0.4, 0.9))
    records = [
        Record("a-0", shot_of(film, 1), words=words, pictures=(tmp_path / "no.jpg", picture)),
        Record("a-1", shot_of(film, 2), pictures=(tmp_path / "gone.jpg",)),
        Record("a-2", shot_of(tmp_path / "gone.mp4", 3)),
    ]
    assert board(records, tmp_path / "b.html", title="x") == 3
    said = texts((tmp_path / "b.html").read_text(encoding="utf-8"))
    assert "“Good evening.”" in said
    assert "4.00 s" in said, "without its film a shot is named by its time"
    assert (tmp_path / "b.html").read_text().count("<image") == 2


def test_a_folder_is_read_film_by_film_and_what_is_none_is_left_out(film, tmp_path, capsys):
    (tmp_path / "one.mp4").write_bytes(film.read_bytes())
    (tmp_path / "two.mp4").write_bytes(film.read_bytes()[:2000])
    (tmp_path / "notes.txt").write_text("buy milk")
    with pytest.raises(SystemExit) as left:
        cli.main(["storyboard", str(tmp_path), "--to", str(tmp_path / "b.pdf")])
    assert not left.value.code
    told = capsys.readouterr().err
    assert "two.mp4 is left out" in told
    assert "2 shots" in told


def test_every_file_that_is_asked_for_is_written(film, tmp_path, capsys):
    targets = [tmp_path / name for name in ("a.pdf", "b.html", "b.html")]
    with pytest.raises(SystemExit) as left:
        cli.main(["storyboard", str(film), *(word for target in targets for word in ("--to", str(target)))])
    assert not left.value.code
    told = capsys.readouterr().err
    assert told.count("2 shots") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"a.pdf", "b.html"}
    board(panels(film, 2), tmp_path / "alone.pdf", title="x")
    board(panels(film, 2), tmp_path / "1.pdf", tmp_path / "2.html", title="x")
    assert (tmp_path / "1.pdf").read_bytes() == (tmp_path / "alone.pdf").read_bytes()
    assert (tmp_path / "2.html").read_bytes().endswith(b"</html>\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.mp4", "--to", "b.pdf"], "There is no file or folder none.mp4"),
        (["film.mp4", "--to", "b.docx"], "should end in .pdf or .html"),
        (["film.mp4", "--to", "there.pdf"], "exists already"),
        (["film.mp4", "--to", "b.html", "--to", "there.pdf"], "exists already"),
        (["film.mp4", "--to", "no/b.pdf"], "no folder no"),
        (["notes.txt", "--to", "b.pdf"], "notes.txt"),
        (["film.mp4"], "--to"),
        pytest.param(
            ["film.mp4", "--to", "/proc/b.pdf"],
            "/proc/b.pdf cannot be written",
            marks=pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no such folder here"),
        ),
    ],
)
def test_what_cannot_be_printed_is_said(film, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").write_bytes(film.read_bytes())
    (tmp_path / "notes.txt").write_text("buy milk")
    (tmp_path / "there.pdf").write_text("mine")
    with pytest.raises(SystemExit) as left:
        cli.main(["storyboard", *words])
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "there.pdf").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"film.mp4", "notes.txt", "there.pdf"}


@pytest.mark.parametrize("columns", [1, 3, 5])
def test_every_film_is_named_where_it_begins(film, tmp_path, columns):
    shots = [Panel(shot_of(tmp_path / name, number), None) for name in ("first.mp4", "second.mp4") for number in (1, 2)]
    board(shots, tmp_path / "b.html", title="x", columns=columns)
    pages = "".join(re.findall(r"<svg.*?</svg>", (tmp_path / "b.html").read_text(encoding="utf-8"), re.S)[1:])
    assert pages.count("first.mp4") == pages.count("second.mp4") == 1


def test_what_a_killed_run_left_is_replaced(film, tmp_path):
    (tmp_path / "b.pdf.part").touch()
    board(panels(film, 1), tmp_path / "b.pdf", title="x")
    assert [path.name for path in tmp_path.iterdir()] == ["b.pdf"]


def test_a_board_without_shots_is_refused(tmp_path):
    with pytest.raises(UseError, match="no shots"):
        board([], tmp_path / "b.pdf", title="x")
    assert not list(tmp_path.iterdir())


def centre_of_change(moves, pace="medium"):
    """Where an arrow's mass lies, from the middle, in shares of the picture."""
    grey = np.full((180, 320, 3), 128, np.uint8)
    drawn = with_arrows(grey, moves, pace).astype(int)
    white = (drawn[..., 0] > 230).astype(float)
    y, x = np.indices(white.shape)
    return (x * white).sum() / white.sum() / 320 - 0.5, (y * white).sum() / white.sum() / 180 - 0.5, white


def test_arrows_point_where_the_camera_goes():
    # The head weighs more than the shaft.
    assert centre_of_change(["pan right"])[0] > 0.002
    assert centre_of_change(["pan left"])[0] < -0.002
    assert centre_of_change(["tilt down"])[1] > 0.002
    assert centre_of_change(["tilt up"])[1] < -0.002
    x, y, _ = centre_of_change(["pan right", "tilt up"])
    assert x > 0.001
    assert y < -0.001
    assert centre_of_change(["roll right"])[0] > 0.001
    assert centre_of_change(["roll left"])[0] < -0.001
    spans = [np.ptp(np.nonzero(centre_of_change(["pan right"], pace)[2])[1]) for pace in ("slow", "medium", "fast")]
    assert spans[0] < spans[1] < spans[2]


def test_arrows_of_a_push_in_point_inwards():
    def weight(move):
        """How far from the upper left corner the white of its quarter lies; the frame is the same for both."""
        white = centre_of_change([move])[2][:90, :160]
        return (white * np.indices(white.shape)[1]).sum() / white.sum()

    assert weight("push in") > weight("pull out")


def test_a_still_camera_gets_no_arrow_and_the_picture_is_not_touched():
    image = np.full((90, 160, 3), 77, np.uint8)
    assert np.array_equal(with_arrows(image, ["static", "", "unheard of"]), image)
    assert not np.array_equal(with_arrows(image, ["pan left"]), image)
    assert (image == 77).all()


def test_the_rhythm_is_that_of_the_shots():
    paced = pacing([2, 4, 6, 4, 2, 30])
    assert (paced.seconds, paced.average, paced.median, paced.window) == (48, 8, 4, 5)
    assert paced.start.tolist() == [0, 2, 6, 12, 16, 18]
    assert paced.rolling.tolist() == [4, 4, 3.6, 9.2, 10.5, 12]
    assert pacing([5.0]).rolling.tolist() == [5]
    assert pacing(np.full(1000, 3.0)).window == 25
    assert [step(most, 5) for most in (1, 4.9, 23, 61)] == [0.2, 1, 5, 20]


def test_the_palette_is_that_of_the_picture(film):
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, :50] = (200, 30, 30)
    image[:, 50:80] = (20, 40, 160)
    image[:, 80:] = (240, 240, 230)
    found = {max(range(3), key=lambda c: colour[c]): 0.0 for _, colour in palette(image)}
    for share, colour in palette(image):
        for target, name in (((200, 30, 30), 0), ((20, 40, 160), 2)):
            if np.abs(np.subtract(colour, target)).max() < 12:
                found[name] += share
    assert found[0] == pytest.approx(0.5, abs=0.06)
    assert found[2] == pytest.approx(0.3, abs=0.06)
    assert sum(share for share, _ in palette(image)) == pytest.approx(1)
    assert palette(None) == ()
    rows = [Row(film, 3.0, "", "", palette(image)), Row(film, 1.0, "", "", ((1.0, (9, 8, 7)),))]
    band = ribbon(rows)
    assert (band[:, -band.shape[1] // 4 + 1 :] == (9, 8, 7)).all()
    assert (band[0, 0].astype(int) > 200).all(), "light is above"
