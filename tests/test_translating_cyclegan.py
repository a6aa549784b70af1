"""Public CycleGAN checkpoints: the table of their weights, ONNX against NumPy and PyTorch, old files, hostile ones."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from melies import cli
from melies.errors import ModelError
from melies.media.synthetic import write_clip
from melies.models import runtime
from melies.models.convert import cyclegan, from_file
from melies.translating.card import read_card
from melies.translating.network import find
from needs import needs_torch
from torch_files import legacy, zipped

PICTURE = np.random.default_rng(3).random((13, 18, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runtime, "_sessions", {})


def keys(blocks, width, second):
    """The rule that makes the list of weights, told apart from the converter's."""
    rows = [("1", width, 3, 7), ("4", 2 * width, width, 3), ("7", 4 * width, 2 * width, 3)]
    rows += [(f"{10 + i}.conv_block.{j}", 4 * width, 4 * width, 3) for i in range(blocks) for j in (1, second)]
    rows += [(str(10 + blocks), 4 * width, 2 * width, 3), (str(13 + blocks), 2 * width, width, 3)]
    rows += [(str(17 + blocks), 3, width, 7)]
    for name, first, other, side in rows:
        transposed = name in (str(10 + blocks), str(13 + blocks))
        yield f"model.{name}.weight", (first, other, side, side)
        yield f"model.{name}.bias", (other if transposed else first,)


def drawn(blocks=2, width=4, second=5, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 4)).astype(np.float32)
        for name, shape in keys(blocks, width, second)
    }


def with_statistics(weights, counted=True):
    """As old versions saved it: every normalisation with running statistics that must not be used."""
    out = {}
    for name, value in weights.items():
        out[name] = value
        if name.endswith("bias") and len(value) != 3:
            place = name.removesuffix(".bias").rpartition(".")
            norm = f"{place[0]}.{int(place[2]) + 1}"
            out |= {f"{norm}.running_mean": value + 7, f"{norm}.running_var": value**2 + 9}
            if counted:
                out[f"{norm}.num_batches_tracked"] = np.array(5)
    return out


def conv(weights, name, data, stride=1, reflect=0, zero=0):
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    data = np.pad(data, [(0, 0), (reflect,) * 2, (reflect,) * 2], mode="reflect")
    data = np.pad(data, [(0, 0), (zero,) * 2, (zero,) * 2])
    side = kernel.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(data, (side, side), (1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", windows, kernel) + bias[:, None, None]


def transposed(weights, name, data):
    """Zeros between pixels, then a convolution with the kernel turned round: stride 2, padding 1, one more behind."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    wide = np.zeros((len(data), 2 * data.shape[1] + 2, 2 * data.shape[2] + 2), np.float32)
    wide[:, 1:-1:2, 1:-1:2] = data
    windows = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), (1, 2))
    return np.einsum("chwij,coij->ohw", windows, kernel[..., ::-1, ::-1]) + bias[:, None, None]


def normed(data):
    centred = data - data.mean((1, 2), keepdims=True)
    return centred / np.sqrt(np.square(centred).mean((1, 2), keepdims=True) + 1e-5)


def in_numpy(weights, picture, blocks=2, second=5):
    """The generator, of the definition in the paper's own code."""
    height, width = picture.shape[:2]
    data = np.pad(picture, [(0, -height % 4), (0, -width % 4), (0, 0)], mode="reflect").transpose(2, 0, 1) * 2 - 1
    relu = lambda values: np.maximum(values, 0)  # noqa: E731
    data = relu(normed(conv(weights, "model.1", data, reflect=3)))
    for place in (4, 7):
        data = relu(normed(conv(weights, f"model.{place}", data, stride=2, zero=1)))
    for block in range(10, 10 + blocks):
        made = relu(normed(conv(weights, f"model.{block}.conv_block.1", data, reflect=1)))
        data = data + normed(conv(weights, f"model.{block}.conv_block.{second}", made, reflect=1))
    for place in (10 + blocks, 13 + blocks):
        data = relu(normed(transposed(weights, f"model.{place}", data)))
    made = np.tanh(conv(weights, f"model.{17 + blocks}", data, reflect=3)) / 2 + 0.5
    return made.transpose(1, 2, 0)[:height, :width]


@pytest.mark.parametrize(("blocks", "second"), [(9, 5), (6, 5), (9, 6)])
def test_names_and_shapes_are_those_of_the_public_files(blocks, second, request):
    wanted = dict(keys(blocks, 64, second))
    assert list(cyclegan.Layout(blocks, 64, second == 6).shapes.items()) == list(wanted.items())
    if (blocks, second) == (9, 5):
        path = request.getfixturevalue("footage").parent / "specs" / "keys" / "cyclegan_resnet9_G.txt"
        if not path.is_file():
            pytest.skip("the list of the public file's weights is not here")
        rows = (line.split(" ", 1) for line in path.read_text().splitlines() if line.strip())
        assert {name: tuple(map(int, shape.strip("() ,").split(", "))) for name, shape in rows} == wanted


@pytest.mark.parametrize("second", [5, 6])
def test_onnx_makes_what_numpy_makes_of_every_kind_of_file(tmp_path, second):
    weights = drawn(second=second)
    wanted = in_numpy(weights, PICTURE, second=second)
    assert wanted.std() > 0.05
    files = {
        "bare": zipped(weights),
        "old": legacy(with_statistics(weights, counted=False)),
        "parallel": zipped({f"module.{name}": value for name, value in with_statistics(weights).items()}),
        "wrapped": zipped({"state_dict": weights}),
    }
    for name, content in files.items():
        path = tmp_path / f"{name}.pth"
        path.write_bytes(content)
        np.testing.assert_allclose(find("translate", path)(PICTURE), wanted, atol=2e-5, err_msg=name)
    assert read_card(next((tmp_path / "home").rglob("*.onnx"))).multiple == 4


def test_anything_else_is_refused_with_the_first_name_that_is_wrong(tmp_path):
    weights = drawn()
    less = {name: value for name, value in weights.items() if name != "model.11.conv_block.5.bias"}
    with pytest.raises(ModelError, match=r"it has no weight model\.11\.conv_block\.5\.bias"):
        cyclegan.convert(less)
    with pytest.raises(ModelError, match=r"it has a weight model\.2\.weight\."):
        cyclegan.convert(weights | {"model.2.weight": np.ones(4, np.float32), "model.5.weight": PICTURE})
    with pytest.raises(ModelError, match=r"model\.4\.weight is 8×5×3×3 and should be 8×4×3×3"):
        cyclegan.convert(weights | {"model.4.weight": np.zeros((8, 5, 3, 3), np.float32)})
    path = tmp_path / "other.pth"
    path.write_bytes(zipped({"conv.weight": PICTURE}))
    with pytest.raises(ModelError, match=r"other\.pth cannot be used: .* it has a weight conv\.weight\."):
        from_file(path, "translate")


class Evil:
    """What a hostile file would do to whoever unpickles it."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"echo owned > {self.target}",)


def hostile(path, owned):
    program = pickle.dumps({"model.1.weight": Evil(owned)}, protocol=2)
    if path.suffix == ".pth":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", program)
    else:
        first = (pickle.dumps(each, protocol=2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
        path.write_bytes(b"".join(first) + program + pickle.dumps([], protocol=2))


@pytest.mark.parametrize("name", ["evil.pth", "evil.pkl"])
def test_a_file_that_would_run_a_program_is_refused_at_every_door(tmp_path, name, capsys):
    path, owned = tmp_path / name, tmp_path / "owned"
    hostile(path, owned)
    pickle.loads(pickle.dumps(Evil(owned)))
    assert owned.exists(), "the payload does not work, so this test would prove nothing"
    owned.unlink()
    for task in ("translate", "style", "paint", "upscale"):
        with pytest.raises(ModelError, match=r"was refused: it wants to use \w+\.system, and only tensors are read"):
            from_file(path, task)
    with pytest.raises(ModelError, match="was refused"):
        find("translate", path)
    clip = write_clip(tmp_path / "in.mkv", size=(32, 24), frames=2)
    words = ["apply", str(clip), str(tmp_path / "out.mkv"), "translate"]
    for way in ([str(path)], ["--model", str(path)]):
        with pytest.raises(SystemExit, match="1"):
            cli.main([*words, *way])
        assert "was refused" in capsys.readouterr().err
    assert not owned.exists()
    assert not (tmp_path / "out.mkv").exists()


@needs_torch
@pytest.mark.parametrize(("blocks", "width", "dropout"), [(9, 64, False), (6, 8, False), (9, 8, True)])
def test_onnx_makes_what_pytorch_makes(tmp_path, blocks, width, dropout):
    import torch

    from melies.nets.cyclegan import Resnet

    net = Resnet(blocks, width, dropout).eval()
    plan = cyclegan.Layout(blocks, width, dropout)
    assert {name: tuple(value.shape) for name, value in net.state_dict().items()} == plan.shapes
    torch.save(net.state_dict(), tmp_path / "net.pth")
    picture = np.random.default_rng(0).random((40, 52, 3)).astype(np.float32)
    with torch.inference_mode():
        wanted = net(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(find("translate", tmp_path / "net.pth")(picture), wanted, atol=1e-5)
