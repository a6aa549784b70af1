"""What trainers learn from: which pictures are taken, which are held out, and how crops are drawn."""

import logging
from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies.errors import UseError
from melies.frame import Frame
from melies.matting.scale import nchw
from melies.media.synthetic import write_clip
from melies.train import _material, _samples
from melies.train._material import AS_IT_IS, Changes, Pictures, split


def picture(seed, height=48, width=64):
    """A picture that is like no other, and smooth, so that it looks alike at any size."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def write(folder, names, **size):
    folder.mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(seed, **size)[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("film") / "cut.mp4", size=(128, 72), frames=60, rate=25, cut_at=35)


def test_a_few_frames_of_every_shot_are_taken_and_whole_shots_are_held_out(film, tmp_path):
    found = Pictures([film], 64, per_shot=3, held_out=0.5)
    assert found[0].shape == (36, 64, 3)
    assert len(found) == 6
    # Of two shots, one is held out; its frames are unlike those of the other.
    assert list(found.learned) == [0, 1, 2]
    assert list(found.judged) == [3, 4, 5]
    means = [found[index].mean((0, 1)) for index in range(6)]
    within = max(np.abs(means[0] - means[2]).max(), np.abs(means[3] - means[5]).max())
    assert np.abs(means[2] - means[3]).max() > 2 * within


def test_of_a_long_shot_more_is_taken_and_little_kept_meanwhile():
    def shot(seconds):
        pixels = np.zeros((8, 8, 3), np.uint8)
        for index in range(25 * seconds):
            image = np.full_like(pixels, index * 255 // (25 * seconds))
            yield Frame(image, index, Fraction(1, 25), 1)

    for seconds, count in ((1, 4), (20, 10), (400, 64)):
        taken = [int(picture[0, 0, 0]) for picture in _samples._spread(shot(seconds), 8, 4)]
        assert len(taken) == count
        steps = np.diff(taken)
        assert steps.min() > 0
        assert steps.max() < 2 * 256 / count
    assert taken[0] < 10
    assert taken[-1] > 245


def test_of_one_shot_the_end_is_held_out():
    learned, judged = split(["film#0"] * 10, 0.2)
    assert list(judged) == [8, 9]
    assert list(learned) == list(range(8))
    learned, judged = split([f"shot {index // 2}" for index in range(20)], 0.2)
    assert list(judged) == [8, 9, 18, 19]
    assert not len(split(["one", "two"], 0)[1])
    assert list(split(["one", "two"], 0.1)[1]) == [1]


def test_nothing_is_taken_twice_and_what_cannot_be_read_is_left_out(tmp_path, caplog):
    folder = write(tmp_path / "photos", ["1.png", "2.png", "10.jpg"])
    (folder / "again.jpg").write_bytes((folder / "10.jpg").read_bytes())
    (folder / "broken.png").write_bytes(b"nonsense")
    (folder / "notes.txt").write_text("no picture")
    (folder / "inside").mkdir()
    cv2.imwrite(str(folder / "inside" / "grey.tif"), np.full((30, 40), 90, np.uint16) * 257)
    with caplog.at_level(logging.INFO, "melies"):
        found = Pictures([folder], 512, held_out=0)
    assert [found[index].shape[:2] for index in range(len(found))] == [(48, 64)] * 3 + [(30, 40)]
    assert np.abs(found[0].astype(int) - picture(0)).max() == 0
    assert (found[3] == 90).all()
    assert "broken.png" in caplog.text
    assert "1 pictures are left out because they hardly differ" in caplog.text


def test_room_is_bounded_and_what_is_kept_is_always_the_same(tmp_path):
    folder = write(tmp_path / "photos", [f"{index}.png" for index in range(12)])
    one, other = (Pictures([folder], 32, most=5, kept=tmp_path / name) for name in ("one", "other"))
    assert len(one) == 5
    assert (tmp_path / "one.bin").stat().st_size <= 5 * 32 * 32 * 3
    assert all(np.array_equal(one[index], other[index]) for index in range(5))
    # Of a film nobody knows beforehand how many there will be: later ones take places by lot.
    samples = (_samples.Sample(picture(index), str(index)) for index in range(40))
    with (tmp_path / "room.bin").open("wb") as file:
        places = _material._collect(samples, file, _material._Room(64, 8))
    assert len(places) == 8
    assert {place.slot for place in places} == set(range(8))
    assert [int(place.group) for place in places] == sorted(int(place.group) for place in places)
    assert max(int(place.group) for place in places) >= 8


def test_a_resumed_run_finds_the_same_without_reading_again(film, tmp_path, monkeypatch):
    folder = write(tmp_path / "photos", ["1.png", "2.png"])
    kept = tmp_path / "run" / "photos"
    first = Pictures([folder, film], 64, kept=kept)
    drawn = first.batch(np.random.default_rng(3), 4, 16)
    with monkeypatch.context() as patched:
        patched.setattr(_samples.melies, "open", lambda *_: pytest.fail("read again"))
        assert np.array_equal(Pictures([folder, film], 64, kept=kept).batch(np.random.default_rng(3), 4, 16), drawn)
    cv2.imwrite(str(folder / "3.png"), picture(7))
    assert len(Pictures([folder, film], 64, kept=kept)) == len(first) + 1
    kept.with_suffix(".json").write_text("{")
    with pytest.raises(UseError, match="is damaged"):
        Pictures([folder], 64, kept=kept)


def test_crops_are_drawn_by_lot_and_as_the_changes_say(tmp_path):
    folder = write(tmp_path / "photos", ["1.png", "2.png", "3.png"])
    found = Pictures([folder], 64, held_out=0)
    rng = np.random.default_rng(0)
    plain = found.batch(rng, 6, (48, 64), AS_IT_IS)
    assert plain.shape == (6, 3, 48, 64)
    assert plain.dtype == np.float32
    whole = nchw(np.stack([found[index] for index in range(3)]))
    assert all(any(np.array_equal(crop, one) for one in whole) for crop in plain)
    # Half the size, mirrored or not: one of the two looks like the middle of the picture.
    crops = found.batch(rng, 40, (24, 32), Changes((0, 0)))
    small = nchw(np.stack([cv2.resize(found[index], (32, 24), interpolation=3) for index in range(3)]))
    mirrored = [any(np.abs(crop - one[..., ::-1]).max() < 0.1 for one in small) for crop in crops]
    straight = [any(np.abs(crop - one).max() < 0.1 for one in small) for crop in crops]
    assert all(np.logical_or(mirrored, straight))
    assert 8 <= sum(mirrored) <= 32
    tinted = found.batch(rng, 8, 16, Changes(tint=0.5))
    assert tinted.min() >= 0
    assert tinted.max() <= 1
    # A crop larger than the picture is filled by it.
    assert found.batch(rng, 1, 128).shape == (1, 3, 128, 128)
    same = [found.batch(np.random.default_rng(5), 4, 16, Changes(tint=0.2)) for _ in range(2)]
    assert np.array_equal(*same)
    assert np.array_equal(found.shown(2, 16), found.shown(2, 16))


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(UseError, match=r"no file .*nowhere\. Name pictures, films, or folders of them: --a"):
        Pictures([tmp_path / "nowhere"], option="--a")
    with pytest.raises(UseError, match="holds no pictures and no films"):
        Pictures([tmp_path])
    folder = write(tmp_path / "photos", ["1.png"])
    with pytest.raises(UseError, match="no two different pictures in --photos"):
        Pictures([folder, folder])
