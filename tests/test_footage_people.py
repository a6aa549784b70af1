"""People of a catalogue: faces that belong together find each other, and names stay."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from melies.cli.people import command
from melies.errors import UseError
from melies.footage import people
from melies.footage.catalogue import HOME, Catalogue, File, Ledger
from melies.footage.people import Sighting, settle

JPEG = b"\xff\xd8 of somebody"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "catalogue.sqlite", write=True, create=True)


def likeness(who: int, seed: int, apart: float = 0.3) -> NDArray[np.float32]:
    """What describes a face of one of some people, who are 0.9 away from each other."""
    centre = np.zeros(128)
    centre[who] = 0.9 / np.sqrt(2)
    noise = np.random.default_rng([who, seed]).normal(size=128)
    face: NDArray[np.float32] = (centre + apart / np.sqrt(2) * noise / np.linalg.norm(noise)).astype(np.float32)
    return face


def seen(shot: str, who: int, seed: int, goodness: float = 1.0) -> Sighting:
    return Sighting(shot, likeness(who, seed), JPEG + bytes([who, seed % 256]), goodness)


def film(ledger: Ledger, name: str, *faces: tuple[int, ...]) -> None:
    """Write a film down in whose shots these people are seen."""
    sightings = [
        seen(f"{name}-{number:06d}", who, sum(map(ord, name)) + number)
        for number, shot in enumerate(faces)
        for who in shot
    ]
    with ledger.change():
        settle(ledger, name, sightings)


def told(ledger: Ledger) -> list[tuple[str, int, int]]:
    return [(one.called, one.shots, one.films) for one in people.everybody(ledger)]


def test_faces_that_belong_together_find_each_other(ledger: Ledger) -> None:
    film(ledger, "a", (0,), (0, 1), (1,), (0,))
    film(ledger, "b", (2,), (1, 2))
    film(ledger, "c", (0, 1, 2), (), (3,))
    assert told(ledger) == [("person 1", 4, 2), ("person 2", 4, 3), ("person 3", 3, 2), ("person 4", 1, 1)]
    assert ledger.names(["a-000001"]) == {"a-000001": ("person 1", "person 2")}


def test_two_in_one_shot_are_never_one(ledger: Ledger) -> None:
    film(ledger, "a", (0,))
    twin = [Sighting("b-000000", likeness(0, seed), JPEG, 1.0) for seed in (1, 2)]
    with ledger.change():
        settle(ledger, "b", twin)
    assert told(ledger) == [("person 1", 2, 2), ("person 2", 1, 1)]


def test_long_films_are_grouped_in_portions(ledger: Ledger) -> None:
    film(ledger, "a", *[(number % 3, 3) for number in range(400)])
    assert told(ledger) == [("person 2", 400, 1), ("person 1", 134, 1), ("person 3", 133, 1), ("person 4", 133, 1)]


def test_the_best_face_stands_for_somebody(ledger: Ledger) -> None:
    for name, goodness in (("a", 1.0), ("b", 5.0), ("c", 3.0)):
        with ledger.change():
            settle(ledger, name, [seen(f"{name}-000000", 0, ord(name), goodness)])
    (person,) = people.everybody(ledger)
    assert people.portrait(ledger, person.number) == JPEG + bytes([0, ord("b")])


def test_what_is_remembered_of_people_is_what_is_written(ledger: Ledger) -> None:
    for number in range(12):
        film(ledger, "abcd"[number % 4], *[((number + n) % 5,) for n in range(number % 3 + 1)])
        assert people.count(ledger) == len(people.everybody(ledger))
    kept = ledger.crowd
    assert kept is not None
    anew = people.Crowd(ledger.db)
    assert kept._ids == anew._ids
    np.testing.assert_allclose(kept._centres, anew._centres, atol=1e-12)
    np.testing.assert_allclose(kept._spreads, anew._spreads, atol=1e-12)
    for number in kept._ids:  # sums that grew face by face are those of all faces
        before = ledger.db.execute("SELECT weight, squares FROM people WHERE id = ?", (number,)).fetchone()
        faces = people._weigh(ledger.db, number)
        assert (faces.weight, pytest.approx(faces.squares)) == before


def test_what_is_remembered_of_people_goes_when_it_was_not_written(ledger: Ledger) -> None:
    film(ledger, "a", (0,))

    def cut_off() -> None:
        with ledger.change():
            settle(ledger, "b", [seen("b-000000", 1, 0)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    film(ledger, "b", (1,), (0,))
    assert told(ledger) == [("person 1", 2, 2), ("person 2", 1, 1)]


def test_names_survive_when_films_are_read_again(ledger: Ledger) -> None:
    film(ledger, "a", (0,), (1,))
    people.name(ledger, 1, "  Anna   Karina ")
    film(ledger, "a", (0,), (1,))
    assert told(ledger) == [("Anna Karina", 1, 1), ("person 2", 1, 1)]
    with ledger.change():
        settle(ledger, "a", ())  # the film goes: those who have no name go with it
    assert told(ledger) == [("Anna Karina", 0, 0)]
    film(ledger, "b", (1,), (0,))
    assert ledger.names(["b-000001"]) == {"b-000001": ("Anna Karina",)}


def test_merged_people_stay_one(ledger: Ledger) -> None:
    film(ledger, "a", (0,), (1,), (0, 1))
    people.name(ledger, 2, "Anna")
    people.merge(ledger, 1, 2)
    assert told(ledger) == [("Anna", 3, 1)]
    assert people.everybody(ledger)[0].number == 1
    with pytest.raises(UseError, match="themselves"):
        people.merge(ledger, 1, 1)
    with pytest.raises(UseError, match=r"nobody called 2.*Named: Anna\. Numbered: 1\."):
        people.merge(ledger, 1, 2)


def test_merged_people_stay_one_when_films_are_read_again(ledger: Ledger) -> None:
    shots = (0,), (1,), (0, 1), (2,), (3,)
    film(ledger, "a", *shots)
    people.merge(ledger, 2, 4)
    people.merge(ledger, 1, 2)  # all of what was merged with it comes along
    people.name(ledger, 1, "Anna")
    wanted = [("Anna", 4, 1), ("person 3", 1, 1)]
    assert told(ledger) == wanted
    film(ledger, "a", *shots)
    assert told(ledger) == wanted
    with ledger.change():
        settle(ledger, "a", ())
    film(ledger, "b", *shots)
    assert told(ledger)[0] == ("Anna", 4, 1)
    assert ledger.names(["b-000002"]) == {"b-000002": ("Anna",)}
    assert people.shots(ledger, 1) == [f"b-{number:06d}" for number in (0, 1, 2, 4)]
    people.forget(ledger, 1)
    assert not ledger.db.execute("SELECT 1 FROM people WHERE id <= 2").fetchall()


def test_merged_people_keep_the_best_face_and_their_number(ledger: Ledger) -> None:
    with ledger.change():
        settle(ledger, "a", [seen("a-000000", 0, 1), seen("a-000001", 1, 1, goodness=3.0)])
    people.merge(ledger, 1, 2)
    assert people.portrait(ledger, 1) == JPEG + bytes([1, 1])
    with ledger.change():
        settle(ledger, "a", ())
    assert told(ledger) == [("person 1", 0, 0)]  # joined by somebody: kept like a name


def test_names_are_found_and_belong_to_one(ledger: Ledger) -> None:
    film(ledger, "a", (0,), (1,))
    with pytest.raises(UseError, match="Nobody has a name yet"):
        people.find(ledger, "Zoë")
    people.name(ledger, 2, "Zoë")
    assert {people.find(ledger, who).number for who in (2, "2", "ZOË", "zoë", "person 2")} == {2}
    with pytest.raises(UseError, match=r"Person 2 is called Zoë already.*--merge 2 1"):
        people.name(ledger, 1, "zoë")
    people.name(ledger, 2, "Zoë")  # again, for the same
    for nameless in ("", " ", "7", "person 7"):
        with pytest.raises(UseError, match="cannot be a name"):
            people.name(ledger, 1, nameless)


def test_the_forgotten_leave_no_trace(ledger: Ledger) -> None:
    film(ledger, "a", (0,), (1,))
    people.name(ledger, 1, "Rosebud")
    rows = ledger.db.execute("SELECT descriptor FROM sightings UNION SELECT total FROM people WHERE id = 1").fetchall()
    traces = [bytes(row[0]) for row in rows] + [b"Rosebud"]
    assert all(trace in ledger.path.read_bytes() for trace in traces)
    people.forget(ledger, 1)
    assert sum(trace in ledger.path.read_bytes() for trace in traces) == 1  # the other one's
    assert ledger.names(["a-000000"]) == {}
    people.forget(ledger, None)
    assert not any(trace in ledger.path.read_bytes() for trace in traces)
    film(ledger, "b", (0,))
    assert told(ledger) == [("person 3", 1, 1)]  # a number is never given twice


def test_sightings_are_of_real_faces(tmp_path: Path) -> None:
    from skimage import data

    from melies.faces import distance
    from melies.footage.material import Material, Motion, Still
    from melies.footage.shot import Shot
    from melies.frame import VideoSpec
    from melies.matting.scale import cv

    astronaut = np.ascontiguousarray(data.astronaut())
    tiny = cv.resize(astronaut, (96, 96))
    empty = Motion(*[np.zeros(0)] * 10)  # type: ignore[arg-type]
    shot = Shot(Path("a.mp4"), 1, 0, 1, 0, 25, 25)  # type: ignore[arg-type]
    spec = VideoSpec(512, 512, 25, 1 / 25)  # type: ignore[arg-type]
    stills = [Still(0.0, tiny, 1.0), Still(0.5, astronaut, 1.0), Still(1.0, np.zeros_like(astronaut), 1.0)]
    (face,) = people.sightings(Material(shot, spec, tuple(stills), empty), "a-000000")
    (other,) = people.sightings(Material(shot, spec, (Still(0.0, astronaut[:, ::-1].copy(), 1.0),), empty), "b-000000")
    assert face.shot == "a-000000"
    assert face.picture.startswith(b"\xff\xd8")
    assert distance(face.descriptor, other.descriptor) < 0.3
    assert people.sightings(Material(shot, spec, (stills[2],), empty), "c-000000") == []


def test_the_command_names_joins_forgets_and_draws(tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    from melies.matting.scale import cv

    with Catalogue.open(tmp_path, create=True) as catalogue:
        _, jpeg = cv.imencode(".jpg", np.full((150, 150, 3), 90, np.uint8))
        faces = [Sighting(f"00-{n:06d}", likeness(n, 0), jpeg.tobytes(), 1.0) for n in range(3)]
        catalogue.add(File(Path("a.mp4"), "00", 1, 1), [], faces=faces)
    run = CliRunner()
    sheet = tmp_path / "people.png"
    listed = run.invoke(command, [str(tmp_path), "--name", "2", "Zoë", "--sheet", str(sheet)], catch_exceptions=False)
    assert "2  Zoë" in listed.output
    assert "1 shot in 1 film" in listed.output
    assert cv.imread(str(sheet)).shape == (194, 450, 3)
    again = run.invoke(command, [str(tmp_path), "--sheet", str(sheet)])
    assert "exists already" in str(again.exception)
    assert "Zoë" in run.invoke(command, [str(tmp_path), "--merge", "1", "2"]).output
    assert run.invoke(command, [str(tmp_path), "--forget-all"]).output == "Nobody is known.\n"
    nowhere = run.invoke(command, [str(tmp_path / HOME / "stills"), "--forget-all"])
    assert isinstance(nowhere.exception, UseError)


def test_a_catalogue_is_filtered_by_people(tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(File(Path("a.mp4"), "00", 1, 1), [], faces=[Sighting("00-000000", likeness(0, 0), JPEG, 1.0)])
        assert catalogue.with_person(1) == "id IN ('00-000000')"
        people.name(catalogue.ledger, 1, "x')--")
        assert catalogue.with_person("X')--") == "id IN ('00-000000')"
    with pytest.raises(sqlite3.ProgrammingError):
        catalogue.people()
