"""`melies train swap`: what it learns from, what it learns, and the file that comes out."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from melies import cli, train
from melies.errors import ModelError, UseError
from melies.media.synthetic import write_clip
from melies.models.metadata import metadata
from melies.swapping import augment
from melies.swapping.extract import TEMPLATE, FaceSet
from melies.swapping.learned import FACE, INPUT, KEY, MASK, Card, Learned, read_card
from melies.swapping.recolour import in_light_of
from melies.train.swap import Swap
from needs import needs_training


def faces(colour, count=24, size=64, seed=0):
    """An oval with eyes and a mouth that opens, on a chequered ground."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((size, size)) / size - 0.5
    ground = np.where((np.indices((size, size)).sum(0) // 8 % 2)[..., None], 200, 30)
    images, masks = [], []
    for gap in rng.uniform(0.02, 0.12, count):
        oval = (columns / 0.33) ** 2 + (rows / 0.42) ** 2 < 1
        image = np.where(oval[..., None], np.array(colour) * (1 - 0.4 * np.abs(columns[..., None])), ground)
        for across in (-0.14, 0.14):
            image[(columns - across) ** 2 + (rows + 0.15) ** 2 < 0.002] = 20
        image[(columns / 0.15) ** 2 + ((rows - 0.17) / gap) ** 2 < 1] = (60, 10, 10)
        images.append(image + rng.normal(0, 2, image.shape))
        masks.append(oval * 255)
    return FaceSet(
        np.clip(images, 0, 255).astype(np.uint8),
        np.array(masks, np.uint8),
        np.array(masks, np.uint8) // 255 * np.uint8(np.abs(rows - 0.17) < 0.12) * np.uint8(255),
        np.zeros((count, 3), np.float32),
        np.arange(count) / 25,
        TEMPLATE,
        f"colour {colour[0]}",
    )


HER, HIM = faces((220, 170, 140)), faces((150, 100, 90), 30, seed=1)


# What it learns from


def test_a_lesson_shows_a_changed_face_and_wants_the_true_one():
    lesson = augment.lesson(np.random.default_rng(3), HER, 6)
    assert lesson.seen.shape == lesson.wanted.shape == (6, 3, 64, 64)
    assert lesson.masks.shape == lesson.features.shape == (6, 1, 64, 64)
    for part in lesson:
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1
    inside = lesson.masks > 0.9
    change = np.abs(lesson.seen - lesson.wanted).mean(1, keepdims=True)[inside].mean()
    assert 0.01 < change < 0.15
    assert 0.3 < lesson.masks.mean() < 0.6


def test_lessons_repeat_with_their_random_numbers_and_only_then():
    one, same, other = (augment.lesson(np.random.default_rng(seed), HER, 4) for seed in (1, 1, 2))
    assert np.array_equal(one.seen, same.seen)
    assert not np.array_equal(one.seen, other.seen)


def test_what_is_wanted_may_be_in_another_light():
    dark = HER.images // 2
    lesson = augment.lesson(np.random.default_rng(3), HER, 8, dark)
    assert lesson.wanted.mean() < 0.6 * lesson.seen.mean()


def test_faces_get_the_colours_of_the_other_film():
    matched = in_light_of(HER, HIM)
    assert matched.shape == HER.images.shape
    assert matched.dtype == np.uint8
    goal = np.median(HIM.images[HIM.masks > 0], 0)
    assert np.abs(np.median(HER.images[HER.masks > 0], 0) - goal).max() > 40
    assert np.abs(np.median(matched[HER.masks > 0], 0) - goal).max() < 6
    assert np.abs(in_light_of(HER, HER).astype(int) - HER.images).max() <= 1


def test_hair_within_the_mask_does_not_change_the_colours_of_the_skin():
    fringed = replace(HER, images=HER.images.copy())
    fringed.images[:, :14] = 10
    skin = HER.masks > 0
    skin[:, :14] = False
    plain, other = in_light_of(HER, HIM), in_light_of(fringed, HIM)
    assert np.abs(plain[skin].astype(int) - other[skin]).mean() < 4


# What one types


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as done:
        cli.main(["train", "swap", "--help"])
    assert done.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for word in ("--a FILE", "--b FILE", "--face-a", "agreed to it", "--minutes", "--size"):
        assert word in said


@pytest.mark.parametrize(
    ("options", "said"),
    [({"size": 100}, "multiple of 16"), ({"size": 256}, "128"), ({"face_a": 0}, "face-a"), ({"faces": 3}, "50")],
)
def test_wrong_options_are_refused(options, said, tmp_path):
    with pytest.raises(UseError, match=said):
        Swap(a="a.mp4", b="b.mp4", out=tmp_path, **options)


def test_a_film_without_faces_is_refused(tmp_path):
    film = write_clip(tmp_path / "bars.mp4", size=(64, 48), frames=4, rate=25)
    with pytest.raises(UseError, match=r"Only 0 different faces .* found in bars"):
        Swap(a=film, b=film, face_b="left", out=tmp_path / "run").begin(np.random.default_rng(0), "cpu")


def test_both_films_are_looked_for_before_the_first_is_read(tmp_path, monkeypatch):
    film = write_clip(tmp_path / "bars.mp4", size=(64, 48), frames=4, rate=25)
    monkeypatch.delattr("melies.train.swap.extract")
    with pytest.raises(UseError, match=r"There is no file .*other\.mp4"):
        Swap(a=film, b=tmp_path / "other.mp4", out=tmp_path / "run").begin(np.random.default_rng(0), "cpu")


def test_two_people_are_needed(tmp_path):
    with pytest.raises(UseError, match=r"Both faces would be the same one, in her\.mp4"):
        Swap(a="her.mp4", b="her.mp4", out=tmp_path).begin(np.random.default_rng(0), "cpu")


def test_faces_are_collected_once_for_each_content_and_option(tmp_path, monkeypatch):
    film = write_clip(tmp_path / "her.mp4", size=(64, 48), frames=4, rate=25)
    taken = []

    def extract(frames, size, name, *, most, face, origin):
        taken.append((name, size, face))
        return FaceSet(HER.images, HER.masks, HER.features, HER.poses, HER.times, TEMPLATE, name, origin)

    monkeypatch.setattr("melies.train.swap.extract", extract)
    trainer = Swap(a=film, b=film, out=tmp_path / "run")
    for _ in range(2):
        assert len(trainer._collect(film, "largest", "a")) == len(HER)
    assert taken == [("her", 64, "largest")]
    trainer._collect(film, "left", "a")
    Swap(a=film, b=film, out=tmp_path / "run", size=96)._collect(film, "left", "a")
    assert taken[1:] == [("her", 64, "left"), ("her", 96, "left")]


# The file that comes out


def write_model(path, size=32, card=None, names=(INPUT, FACE, MASK)):
    """A network that turns a face into its negative, and takes its green for the mask."""
    inside, face, mask = names
    if card is None:
        card = Card(size=size, template=TEMPLATE.tolist(), takes="her", makes="him", matched=True).model_dump_json()
    onnx = pytest.importorskip("onnx", reason="the onnx package makes the network")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    starts = [helper.make_tensor(name, onnx.TensorProto.INT64, [1], [n]) for name, n in (("s", 1), ("e", 2))]
    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["one", inside], [face]),
            helper.make_node("Slice", [inside, "s", "e", "s"], [mask]),
        ],
        "swap",
        [helper.make_tensor_value_info(inside, kind, [1, 3, size, size])],
        [
            helper.make_tensor_value_info(face, kind, [1, 3, size, size]),
            helper.make_tensor_value_info(mask, kind, [1, 1, size, size]),
        ],
        [helper.make_tensor("one", kind, [1], [1.0]), *starts],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"other": "entry"} | ({KEY: card} if card else {}))
    onnx.save(model, path)
    return path


def test_a_learned_swap_runs(tmp_path):
    learned = Learned(write_model(tmp_path / "a-to-b.onnx"))
    crop = np.random.default_rng(0).uniform(0, 1, (32, 32, 3)).astype(np.float32)
    face, mask = learned.swap(crop)
    assert np.allclose(face, 1 - crop)
    assert np.allclose(mask, crop[..., 1])
    assert (learned.card.takes, learned.card.makes, learned.card.size) == ("her", "him", 32)
    assert np.allclose(learned.card.points, TEMPLATE)


def test_a_file_says_what_it_is_without_being_loaded(tmp_path):
    path = write_model(tmp_path / "m.onnx")
    assert metadata(path)["other"] == "entry"
    assert read_card(path).makes == "him"
    assert read_card(write_model(tmp_path / "plain.onnx", card="")) is None


@pytest.mark.parametrize("content", [b"no network", b"\x08\x09\xff\xff", bytes(100), b"\x72\x02\x0a\xff", b"\x74\x00"])
def test_files_of_another_kind_have_no_card(content, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert read_card(path) is None
    with pytest.raises(ModelError, match=r"m\.onnx is not a swap that was trained here"):
        Learned(path)


def test_missing_and_unsuitable_files_are_refused(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(UseError, match="is a folder without an ONNX file"):
        metadata(tmp_path / "run")
    for name in ("a-to-b", "b-to-a"):
        (tmp_path / "run" / f"{name}.onnx").touch()
    with pytest.raises(UseError, match=r"is a folder that holds a-to-b\.onnx and b-to-a\.onnx"):
        metadata(tmp_path / "run")
    with pytest.raises(UseError, match="There is no file"):
        Learned(tmp_path / "none.onnx")
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(UseError, match="is empty"):
        Learned(tmp_path / "empty.onnx")
    with pytest.raises(ModelError, match=r"later\.onnx.*version"):
        Learned(write_model(tmp_path / "later.onnx", card='{"version": 2}'))
    with pytest.raises(ModelError, match="takes and gives something else"):
        Learned(write_model(tmp_path / "odd.onnx", names=("x", "y", "z")))


# Learning


@pytest.fixture
def films(tmp_path, monkeypatch):
    """Two films whose faces are known."""
    monkeypatch.setattr(Swap, "_collect", lambda self, film, face, letter: {"a": HER, "b": HIM}[letter])
    return {"a": tmp_path / "her.mp4", "b": tmp_path / "him.mp4", "batch": 2, "threads": 1, "preview_every": 0}


def logged(folder):
    with (folder / "log.csv").open() as file:
        return [{name: value for name, value in line.items() if "loss" in name} for line in csv.DictReader(file)]


@needs_training
def test_a_training_leaves_networks_that_run_without_pytorch(films, tmp_path):
    *_, last = train.run(Swap(out=tmp_path / "run", steps=3, **films))
    assert {file.name for file in last.files} >= {"a-to-b.onnx", "b-to-a.onnx", "checkpoint.pt"}
    assert set(last.measured) == {"held-out a", "held-out b"}
    learned = Learned(tmp_path / "run" / "a-to-b.onnx")
    assert (learned.card.takes, learned.card.makes, learned.card.size) == (HER.name, HIM.name, 64)
    assert len(learned.card.who) == 128
    face, mask = learned.swap(HER.images[0].astype(np.float32) / 255)
    assert face.shape == (64, 64, 3)
    assert mask.shape == (64, 64)
    assert 0 <= min(face.min(), mask.min()) <= max(face.max(), mask.max()) <= 1


@needs_training
def test_a_resumed_training_is_the_same(films, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    list(train.run(Swap(out=whole, steps=20, decay=0, **films)))
    list(train.run(Swap(out=parts, steps=10, decay=0, **films)))
    list(train.run(Swap(out=parts, steps=20, decay=0, **films), resume=True))
    assert logged(whole)[-1] == logged(parts)[-1]


@needs_training
def test_it_learns(films, tmp_path):
    measured = list(train.run(Swap(out=tmp_path / "run", steps=40, **{**films, "batch": 4})))
    first, last = measured[4].losses, measured[-1]
    assert last.losses["a"] < 0.6 * first["a"]
    assert last.measured["held-out a"] < 0.08


@needs_training
def test_the_preview_shows_both_people(films, tmp_path):
    import torch

    work = Swap(out=tmp_path, **films).begin(np.random.default_rng(0), "cpu")
    with torch.no_grad():
        sheet = work.preview()
    assert sheet.dtype == np.uint8
    assert sheet.shape == (8 * 128, sheet.shape[1], 3)
    assert np.abs(sheet[:128, :128].astype(int).mean((0, 1)) - HER.split()[1].images[0].mean((0, 1))).max() < 12


@needs_training
def test_statistics_are_those_of_who_goes_in():
    import torch

    from melies.nets.swap import Decoder, Encoder, settled

    torch.manual_seed(0)
    encoder, decoder = Encoder(64), Decoder()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    dark, light = (torch.rand(12, 3, 64, 64) * range_ for range_ in (0.3, 1.0))
    one, other = settled(encoder, decoder, dark), settled(encoder, decoder, light)
    norm = [swap.encoder.down[0][1].running_var for swap in (one, other)]
    assert (norm[1] > 2 * norm[0]).all()
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


@needs_training
def test_equal_pictures_are_not_dissimilar():
    import torch

    from melies.nets.swap import Dssim

    picture = torch.rand(2, 3, 64, 64)
    assert float(Dssim()(picture, picture)) == pytest.approx(0, abs=1e-5)
    assert 0.3 < float(Dssim()(picture, torch.rand(2, 3, 64, 64))) < 0.6
