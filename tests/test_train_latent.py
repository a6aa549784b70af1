"""`melies train latent` and `melies project`: what is trained is walked through, and photos are found again."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies import train
from melies.errors import UseError
from melies.generators.walk import Walk
from melies.models import runtime
from melies.models.convert import persistence, stylegan2
from melies.train.latent import Latent
from melies.translating.card import read_card
from melies.walking import photos, projecting, spaces, stylegan
from needs import needs_training
from stylegan_files import snapshot, stylegan2_module, stylegan3_module
from test_stylegan import TINY, TINY3

QUICK = {"size": "48x32", "latent": 8, "width": 8, "batch": 4, "threads": 1, "preview_every": 0, "precision": "32"}


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Discs in many places before two colours."""
    folder = tmp_path_factory.mktemp("discs")
    for index in range(24):
        image = np.full((64, 96, 3), (60, 40, 30) if index % 2 else (40, 80, 160), np.uint8)
        cv2.circle(image, (2 + 4 * index, 12 + 2 * index), 14, (90, 220, 240), -1)
        cv2.imwrite(str(folder / f"{index:02}.png"), image)
    return folder


@needs_training
def test_a_film_becomes_a_space_to_walk_through(material, tmp_path, monkeypatch, caplog):
    import torch

    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    options = {**QUICK, "rate": 3e-3, "average": 0, "sharp": 0, "regular": 0.1}
    trainer = Latent(photos=(material,), out=tmp_path / "run", steps=24, name="discs", **options)
    first, *_, last = train.run(trainer)
    assert last.losses["apart"] < 0.85 * first.losses["apart"]
    assert caplog.text.count("Only 24 different pictures were found") == 1
    assert last.preview.shape == (32 * 3, 48 * 2, 3)  # two held out, the same made again, a way
    card = read_card(tmp_path / "run" / "decoder.onnx")
    assert card is not None
    assert (card.task, card.name, card.steps) == ("walk", "discs", 24)

    for chosen in ("discs-encoder", str(tmp_path / "run" / "encoder.onnx")):
        with pytest.raises(UseError, match=r"makes no pictures.*\n?.*--model .*(discs|decoder\.onnx)$"):
            spaces.find(chosen)
    with pytest.raises(UseError, match=r"There are cppn, .*discs;") as refused:
        spaces.find("disc")
    assert "encoder" not in str(refused.value)

    space = spaces.find("discs")
    assert space is spaces.find("discs")
    options = {"model": "discs", "size": "72x48", "fps": 6, "duration": 1}
    loop = Walk(**options, loop=True, seeds="1,5")
    frames = [frame.image for frame in loop.frames()]
    assert frames[0].shape == (48, 72, 3)
    assert np.array_equal(loop.picture(6, loop.spec), frames[0])
    assert np.array_equal(next(loop.frames(Fraction(1, 2))).image, frames[3])
    assert not np.array_equal(frames[0], frames[3])

    # What was written is what was trained, and a photo is found where the encoder sees it, or nearer to it.
    checkpoint = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    from melies.nets.latent import Decoder, Encoder

    encoder, decoder = Encoder(32, 48, 8, 8), Decoder(32, 48, 8, 8)
    encoder.load_state_dict(checkpoint["networks"]["encoder"])
    decoder.load_state_dict(checkpoint["networks"]["decoder"])
    seen = cv2.cvtColor(cv2.imread(str(material / "03.png")), cv2.COLOR_BGR2RGB)
    small = cv2.resize(seen, (48, 32), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        code = encoder(torch.from_numpy(small.transpose(2, 0, 1)[None] / np.float32(255)))[0]
        made = decoder(code)[0].numpy().transpose(1, 2, 0) * 255
    assert np.abs(space.image(code.numpy(), (48, 32)) - made).max() < 3
    found = projecting.project("discs", str(material / "03.png"))
    assert found.off < 1.05 * np.abs(made - small).mean()
    through = Walk(**options, photo=(material / "03.png", material / "08.png"))
    assert np.allclose(through.styles(0, through.spec), found.styles, atol=1e-5)


@needs_training
def test_a_run_goes_on_as_if_it_had_not_been_interrupted(material, tmp_path):
    import torch

    def weights(name):
        state = torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)
        return {f"{net}.{key}": value for net, part in state["networks"].items() for key, value in part.items()}

    options = {**QUICK, "photos": (material,), "decay": 0}
    list(train.run(Latent(out=tmp_path / "whole", steps=4, **options)))
    list(train.run(Latent(out=tmp_path / "parts", steps=2, **options)))
    list(train.run(Latent(out=tmp_path / "parts", steps=4, **options), resume=True))
    whole, parts = weights("whole"), weights("parts")
    assert whole.keys() == parts.keys()
    assert any(name.startswith("critic") for name in whole)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize("size", ["60x64", "16x64", "208x64", "64"])
def test_wrong_sizes_are_refused(size, tmp_path):
    with pytest.raises(UseError, match="size"):
        Latent(photos=(tmp_path,), out=tmp_path / "run", size=size)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.pkl"
    path.write_bytes(snapshot(stylegan2_module(TINY, clamp=None)))
    return path


@needs_training
def test_stylegan_computes_the_same_in_torch(tiny):
    import torch

    from melies.nets.stylegan2 import Synthesis

    clamped = tiny.with_name("clamped.pkl")
    clamped.write_bytes(snapshot(stylegan2_module(TINY)))
    ws = np.random.default_rng(3).standard_normal((TINY.rows, TINY.width)).astype(np.float32)
    for path in (tiny, clamped):
        network = persistence.read(path)
        (wanted,) = runtime.written("tiny", stylegan2.synthesis(network)).run({"ws": ws}).values()
        made = Synthesis(network)(torch.from_numpy(ws)).numpy()
        assert np.abs(made - wanted).max() < 1e-5


@needs_training
def test_stylegan_finds_its_own_picture_again(tiny, tmp_path):
    space = stylegan.find(tiny)
    w = space.average + 0.5 * (space.styles(np.random.RandomState(4).standard_normal(10).astype("f")) - space.average)
    wanted = space.image(w, (16, 16))
    cv2.imwrite(str(tmp_path / "own.png"), wanted[..., ::-1])
    found = projecting.project(str(tiny), str(tmp_path / "own.png"), steps=90, pixels=True, device="cpu")
    before = np.abs(space.image(space.average, (16, 16)).astype(float) - wanted).mean()
    assert found.off < 0.03 * before
    assert np.linalg.norm(found.styles - w) < 0.05 * np.linalg.norm(space.average - w)

    # What is written leads a walk there.
    photos.write(found.styles, tmp_path / "own.npz")
    walk = Walk(model=tiny, photo=(tmp_path / "own.npz",), seeds="7", size="16x16", fps=4, duration=1, path="line")
    assert np.abs(walk.picture(0, walk.spec).astype(float) - wanted).mean() == pytest.approx(found.off, abs=1e-4)
    assert np.abs(walk.picture(3, walk.spec).astype(float) - wanted).mean() > 10


def test_what_cannot_be_found_is_refused(tiny, tmp_path):
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(UseError, match="has to be found out first"):
        next(Walk(model=tiny, photo=(photo,), size="16x16").frames())
    with pytest.raises(UseError, match="cannot look like a photo"):
        projecting.project("cppn", str(photo))
    three = tmp_path / "three.pkl"
    three.write_bytes(snapshot(stylegan3_module(TINY3)))
    with pytest.raises(UseError, match="only in a StyleGAN2"):
        projecting.project(str(three), str(photo))
