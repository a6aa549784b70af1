"""`translate`: sizes and depths, alpha and parity, what is kept, names on the command line, and what is shipped."""

from fractions import Fraction

import numpy as np
import pytest

import melies
from melies import cli
from melies.effects.translate import Translate
from melies.errors import ModelError, UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import write_clip
from melies.metrics import warp_error
from melies.models import own, registry, runtime
from melies.models.convert import cyclegan
from melies.models.metadata import with_metadata
from melies.styling.looks import styles
from melies.testing import run
from melies.translating.card import read_card, with_card
from melies.translating.light import relit
from melies.translating.network import find
from torch_files import zipped

TICK = Fraction(1, 25)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runtime, "_sessions", {})


@pytest.fixture
def model(tmp_path):
    """A generator of CycleGAN's that nobody trained: it changes everything, and flickers."""
    rng = np.random.default_rng(0)
    shapes = cyclegan.Layout(blocks=1, width=4).shapes
    weights = {name: rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape) for name, shape in shapes.items()}
    path = tmp_path / "wild.onnx"
    path.write_bytes(cyclegan.convert({name: value.astype(np.float32) for name, value in weights.items()}))
    return path


def texture(count=1, size=(72, 100), dtype=np.uint8, alpha=False):
    """A texture that moves to the left by two pixels a frame."""
    cv = pytest.importorskip("cv2")
    wide = np.random.default_rng(1).normal(size=(size[0], size[1] + 2 * count, 3)).astype(np.float32)
    wide = np.clip(0.5 + 0.8 * cv.GaussianBlur(wide, (0, 0), 3), 0, 1)
    white = np.iinfo(dtype).max
    images = [(wide[:, 2 * index : 2 * index + size[1]] * white).astype(dtype) for index in range(count)]
    veil = np.linspace(0, white, size[0] * size[1]).reshape(*size, 1).astype(dtype)
    return [np.dstack([image, veil]) if alpha else image for image in images]


def translated(images, **options):
    first = images[0]
    depth = 8 if first.dtype == np.uint8 else 16
    spec = VideoSpec(
        first.shape[1], first.shape[0], 1 / TICK, TICK, depth=depth, alpha=first.shape[2] == 4, frames=len(images)
    )
    frames = [Frame(image.copy(), index, TICK, 1) for index, image in enumerate(images)]
    return [frame.image for frame in run(Translate(**options), frames, spec)]


def test_without_steadying_it_is_what_the_network_makes(model):
    images = texture(3, (37, 50))
    made = translated(images, model=str(model), steady=0)
    net = find("translate", model)
    for image, out in zip(images, made, strict=True):
        np.testing.assert_array_equal(out, net(image))
        assert np.abs(out.astype(int) - image).mean() > 10


def test_depth_alpha_and_strength(model):
    (image,) = texture(dtype=np.uint16, alpha=True)
    (made,) = translated([image], model=str(model))
    assert made.dtype == np.uint16
    np.testing.assert_array_equal(made[..., 3], image[..., 3])
    assert len(np.unique(made[..., 0])) > 1000
    (half,) = translated([image], model=str(model), strength=0.5)
    assert np.abs(half[..., :3].astype(int) - (made[..., :3] / 2 + image[..., :3] / 2)).max() <= 1


def test_keep_colours_changes_light_alone(model):
    (image,) = texture()
    (made,) = translated([image], model=str(model), keep_colours=True, strength=0.3)
    change = made.astype(int) - image
    inside = ((made > 0) & (made < 255)).all(-1)
    assert np.ptp(change, axis=2)[inside].max() <= 1
    assert np.abs(change).mean() > 3


def test_a_smaller_picture_for_the_network_leaves_the_detail_of_the_frame(model):
    images = texture()
    images = [np.clip(images[0] + np.random.default_rng(0).normal(0, 20, images[0].shape), 0, 255).astype(np.uint8)]

    def fine(image):
        plane = image[..., 1].astype(np.float32)
        return (
            plane[1:-1, 1:-1] - (plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]) / 4
        ).ravel()

    (kept,) = translated(images, model=str(model), side=36, steady=0)
    (lost,) = translated(images, model=str(model), side=36, detail=0, steady=0)
    assert np.corrcoef(fine(images[0]), fine(kept))[0, 1] > 0.7
    assert fine(lost).std() < 0.5 * fine(kept).std()


def test_steadying_halves_the_flicker(model):
    images = texture(8)
    plain, steady = (warp_error(translated(images, model=str(model), steady=strength), images) for strength in (0, 1))
    assert steady < 0.5 * plain


def test_the_background_can_be_left_alone(model):
    astronaut = pytest.importorskip("skimage.data").astronaut()[:256, 100:356]
    (people,) = translated([astronaut], model=str(model), mask="people")
    (rest,) = translated([astronaut], model=str(model), mask="background")
    face, corner = np.s_[90:130, 110:150], np.s_[:30, :20]
    assert (
        np.abs(people[face].astype(int) - astronaut[face]).mean()
        > 10
        > 1 + np.abs(rest[face] - 0.0 - astronaut[face]).mean()
    )
    assert np.abs(people[corner].astype(int) - astronaut[corner]).mean() < 1


def test_a_model_follows_the_name_of_the_effect(model, tmp_path, capsys):
    own.keep(model, "my-model")
    clip, out = write_clip(tmp_path / "in.mkv", size=(48, 32), frames=2), tmp_path / "out.mkv"
    with pytest.raises(SystemExit, match="0"):
        cli.main(["apply", str(clip), str(out), "translate", "my-model", "--steady", "0", "resize", "--width", "24"])
    assert melies.open(out).spec.width == 24
    with pytest.raises(SystemExit, match="2"):
        cli.main(["apply", str(clip), str(tmp_path / "other.mkv"), "translate", "my-modell"])
    assert "Did you mean my-model?" in capsys.readouterr().err
    with pytest.raises(UseError, match="There is no file nothing"):
        melies.open(clip).apply(Translate(model="nothing.pth"))


@pytest.mark.parametrize(("name", "lighter"), [("day2dusk", False), ("dusk2day", True)])
def test_what_is_shipped_makes_evening_and_day(name, lighter):
    row = registry.find(name)
    card = find("translate", name).card
    assert (card.task, card.name) == ("translate", name)
    assert card.seed is not None
    assert card.steps
    assert "CamVid" in card.data
    assert "non-commercial" in card.licence
    assert "non-commercial" in row.licence.weights
    assert card.command.startswith("melies train cyclegan")
    assert row.size < 3e6
    image = pytest.importorskip("skimage.data").chelsea()[::2, ::2].copy()
    image = image // 3 if lighter else image
    (made,) = translated([image], model=name)
    change = made.mean() - image.mean()
    assert change > 8 if lighter else change < -8


def test_a_card_may_say_how_large_pictures_are_shown(model):
    net = find("translate", model)
    assert net.shrunk(texture()[0]).shape == (72, 100, 3)
    model.write_bytes(with_card(model.read_bytes(), read_card(model).model_copy(update={"side": 36})))
    assert find("translate", model).shrunk(texture()[0]).shape == (36, 50, 3)
    assert find("translate", model, side=100).shrunk(texture()[0]).shape == (72, 100, 3)


def test_light_follows_the_edges_of_the_frame_and_makes_no_outlines():
    """A network that darkens a sky and paints a green rim below it: the rim goes, what is dark stays sharp."""
    frame = np.full((192, 128, 3), 0.1, np.float32)
    frame[:80] = 0.95
    source = frame[::2, ::2].copy()
    made = source.copy()
    made[:40] -= 0.3
    made[40:42, :, 1] += 0.5
    result = relit(source, made, frame)
    change = result - frame
    assert change[:72].mean() == pytest.approx(-0.3, abs=0.03)
    assert np.abs(change[140:]).max() < 0.05
    assert change[80:90, :, 1].max() < 0.25
    assert (result[79] - result[80])[:, 0].min() > 0.4


def test_the_card_or_the_option_says_whether_only_light_is_taken(model):
    images = texture()
    (plain,) = translated(images, model=str(model), steady=0)
    (light,) = translated(images, model=str(model), steady=0, light=True)
    model.write_bytes(with_card(model.read_bytes(), read_card(model).model_copy(update={"light": True})))
    np.testing.assert_array_equal(translated(images, model=str(model), steady=0)[0], light)
    np.testing.assert_array_equal(translated(images, model=str(model), steady=0, light=False)[0], plain)
    assert not np.array_equal(plain, light)


@pytest.mark.parametrize("ending", [".onnx", ".pth", ".pkl", ".safetensors"])
def test_empty_files_and_folders_are_refused_alike(ending, tmp_path):
    (tmp_path / f"empty{ending}").touch()
    (tmp_path / f"folder{ending}").mkdir()
    with pytest.raises(UseError, match="is empty"):
        translated(texture(), model=str(tmp_path / f"empty{ending}"))
    with pytest.raises(UseError, match="is a folder"):
        translated(texture(), model=str(tmp_path / f"folder{ending}"))


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_weights_that_are_no_finite_numbers_are_refused(spoilt, tmp_path):
    """Public files by their weights when they are read, networks that are ONNX already by what they make."""
    shapes = cyclegan.Layout(blocks=1, width=4).shapes
    weights = {name: np.full(shape, 0.01, np.float32) for name, shape in shapes.items()}
    weights["model.1.weight"][0, 0, 0, 0] = spoilt
    public = tmp_path / "spoilt.pth"
    public.write_bytes(zipped(weights))
    with pytest.raises(ModelError, match=r"spoilt\.pth cannot be used: model\.1\.weight holds .* no finite"):
        translated(texture(), model=str(public))
    written = tmp_path / "spoilt.onnx"
    written.write_bytes(cyclegan.convert(weights))
    with pytest.raises(ModelError, match=r"spoilt\.onnx cannot be used: it makes pictures that are no finite numbers"):
        translated(texture(), model=str(written))


def test_a_damaged_model_of_ones_own_is_passed_over(model, caplog):
    own.keep(model, "whole")
    own.keep(model, "broken")
    path = own.find("broken")
    path.write_bytes(with_metadata(path.read_bytes(), {"melies.card": "{}"}))
    with pytest.raises(UseError, match="Did you mean whole"):
        translated(texture(), model="wole")
    assert "The model broken is passed over" in caplog.text
    assert "whole" not in styles()
