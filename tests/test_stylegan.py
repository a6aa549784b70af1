"""StyleGAN's files are read without running them, and its networks make what an independent computation makes."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from melies.errors import MeliesError, ModelError, UseError
from melies.generators.walk import Walk
from melies.models import runtime
from melies.models.convert import persistence, stylegan2, stylegan3
from stylegan_files import Module, snapshot, stylegan2_module, stylegan3_module, written

TINY = stylegan2.Layout(16, latent=10, width=8, base=64, most=6, mapping=3)
TINY3 = stylegan3.Layout(32, latent=10, width=8, base=128, most=6, layers=5)
SPECS = Path(__file__).resolve().parents[2] / "shared" / "specs" / "keys"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("stylegan") / "tiny.pkl"
    path.write_bytes(snapshot(stylegan2_module(TINY)))
    return path


def flat(module, prefix=""):
    weights = {f"{prefix}{name}": value for name, value in (module.parameters | module.buffers).items()}
    for name, part in module.modules.items():
        weights |= flat(part, f"{prefix}{name}.")
    return weights


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("made", [stylegan2_module(TINY), stylegan3_module(TINY3)], ids=["stylegan2", "stylegan3"])
def test_a_file_is_read_bit_by_bit_and_nothing_in_it_runs(tmp_path, made, protocol):
    path = tmp_path / "net.pkl"
    path.write_bytes(snapshot(made, protocol))
    assert b"SystemExit" in path.read_bytes()
    assert "torch_utils.persistence" not in sys.modules
    network = persistence.read(path)
    assert network.kind == "Generator"
    assert network.arguments["w_dim"] == 8
    assert network.attribute("num_ws") == network.attribute("synthesis.num_ws")
    expected = flat(made)
    assert network.weights.keys() == expected.keys()
    for name, array in expected.items():
        assert network.weights[name].dtype == np.float32
        assert network.weights[name].shape == array.shape
        np.testing.assert_array_equal(network.weights[name], array)
    assert network.number("mapping.fc1.weight_gain") == 0.01 / np.sqrt(8)


def test_the_layout_follows_from_what_the_file_says(tiny, tmp_path):
    assert stylegan2.layout(persistence.read(tiny)) == TINY
    path = tmp_path / "three.pkl"
    path.write_bytes(snapshot(stylegan3_module(TINY3)))
    network = persistence.read(path)
    assert stylegan3.layout(network) == TINY3
    assert network.attribute("synthesis.input.size") == [36, 36]
    with pytest.raises(ModelError, match="is no network that is known here"):
        stylegan2.layout(network)


FILES = {
    "stylegan2ada_ffhq1024_Gema": lambda: stylegan2.keys(stylegan2.Layout(1024)),
    "stylegan3t_ffhq1024_Gema": lambda: stylegan3.keys(stylegan3.Layout(1024)),
    "stylegan3r_ffhq1024_Gema": lambda: stylegan3.keys(
        stylegan3.Layout(1024, base=65536, most=1024, kernel=1, radial=True)
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_the_names_of_the_public_files(name):
    path = SPECS / f"{name}.txt"
    if not path.is_file():
        pytest.skip("the lists of the public files' names are not here")
    lines = [line.split(" ", 1) for line in path.read_text().splitlines() if line]
    listed = {key: tuple(int(size) for size in shape.strip("()").split(",") if size.strip()) for key, shape in lines}
    assert FILES[name]() == listed


def test_names_and_sizes_of_large_generators():
    shapes = FILES["stylegan2ada_ffhq1024_Gema"]()
    assert len(shapes) == 182
    assert shapes["synthesis.b1024.conv0.weight"] == (32, 64, 3, 3)
    assert shapes["synthesis.b64.torgb.affine.weight"] == (512, 512)
    assert sum(np.prod(shape, dtype=int) for name, shape in shapes.items() if ".resample_filter" not in name) > 30e6
    three = FILES["stylegan3r_ffhq1024_Gema"]()
    assert len(three) == 114
    assert three["synthesis.L7_276_645.down_filter"] == (12, 12)
    assert three["synthesis.L10_1044_161.up_filter"] == (24,)
    assert three["synthesis.L12_1044_64.down_filter"] == (12,)


class Payload:
    """Pickles as a call."""

    def __init__(self, function, *given):
        self.call = function, given

    def __reduce__(self):
        return self.call


def nested(payload):
    made = stylegan2_module(TINY)
    made.modules["synthesis"].modules["b8"].attributes["conv_clamp"] = payload
    return snapshot(made)


@pytest.mark.parametrize("place", [lambda payload: written({"G_ema": payload}), nested], ids=["outside", "inside"])
@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("posix.system|nt.system", lambda mark: Payload(os.system, f"echo > {mark}")),
        ("builtins.eval", lambda mark: Payload(eval, f"open({str(mark)!r}, 'w')")),
        ("builtins.exec", lambda mark: Payload(exec, f"open({str(mark)!r}, 'w')")),
        ("builtins.getattr", lambda mark: Payload(getattr, dict, "fromkeys")),
    ],
)
def test_a_pickle_that_would_run_code_is_refused(tmp_path, name, payload, place):
    mark, path = tmp_path / "mark", tmp_path / "net.pkl"
    path.write_bytes(place(payload(mark)))
    with pytest.raises(ModelError, match=rf"was refused: it wants to use ({name})"):
        persistence.read(path)
    assert not mark.exists()
    if name == "builtins.eval":  # the exploit is one: pickle itself runs it
        pickle.loads(pickle.dumps(payload(mark))).close()
        assert mark.exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"\x80\x02ctorch.hub\nload\n(X\x01\x00\x00\x00atR.", "torch.hub.load"),
        (b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81.", "for TensorFlow"),
        (b"\x80\x02ctorch.storage\n_load_from_bytes\n.", "holds no network"),
        (b"\x80\x04\x8c\x05numpy\x8c\x13core.multiarray.sys\x93.", "numpy.core.multiarray.sys"),
        (b"\x80\x02}.", "holds no network called G_ema"),
        (b"\x80\x02cbuiltins\nset\nX\x01\x00\x00\x00a\x85R\x94.", "holds no network"),
        (b"\x80\x02Nr\xff\xff\xff\x7f0.", "damaged"),
        (b"\x80\x02", "damaged"),
        (b"", "damaged"),
    ],
)
def test_what_is_no_such_file(tmp_path, code, words):
    path = tmp_path / "net.pkl"
    path.write_bytes(code)
    with pytest.raises(ModelError, match=words):
        persistence.read(path)


def test_an_exploit_inside_of_a_storage_is_refused(tmp_path, tiny):
    data = tiny.read_bytes()
    path = tmp_path / "net.pkl"
    for ours in (b"ctorch\nFloatStorage\n", b"ctorch\n"):
        assert ours in data
    path.write_bytes(data.replace(b"ctorch\nFloatStorage\n", b"cposix\nsystemStorag\n"))
    with pytest.raises(ModelError, match=r"it wants to use posix\.systemStorag"):
        persistence.read(path)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_changed_in_a_file_it_is_read_or_refused(tmp_path, tiny, seed):
    rng = np.random.default_rng(seed)
    good = tiny.read_bytes()
    path = tmp_path / "net.pkl"
    for _ in range(8):
        data = bytearray(good)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(0, 256)
        path.write_bytes(data[: rng.integers(1, len(data) + 1)] if rng.random() < 0.3 else data)
        with contextlib.suppress(MeliesError):  # and nothing else
            stylegan2.synthesis(persistence.read(path))


def test_parts_that_contain_themselves_end(tmp_path):
    item = Module("Generator", modules={"a": Module("X", buffers={"w": np.zeros(4, np.float32)})})
    for _ in range(40):  # doubled forty times
        item = Module("Generator", modules={"a": item, "b": item})
    path = tmp_path / "net.pkl"
    path.write_bytes(written({"G_ema": item}))
    with pytest.raises(ModelError, match="more than 2000 parts"):
        persistence.read(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: g.arguments.update(c_dim=3), "told a class"),
        (lambda g: g.arguments.update(img_resolution="big"), "img_resolution is 'big'"),
        (lambda g: g.arguments.update(img_resolution=24), "no power of 2"),
        (lambda g: g.arguments.update(img_resolution=32), "is no network that is known"),
        (lambda g: g.modules["mapping"].parameters.clear() or g.modules["mapping"].modules.pop("fc2"), "fc2.weight"),
        (lambda g: g.modules["synthesis"].modules["b8"].attributes.update(architecture="resnet"), "only skip"),
    ],
)
def test_generators_that_are_not_known(tmp_path, change, words):
    made = stylegan2_module(TINY)
    change(made)
    path = tmp_path / "net.pkl"
    path.write_bytes(snapshot(made))
    with pytest.raises(ModelError, match=words):
        stylegan2.layout(persistence.read(path))


# The reference: the paper's definitions, one number after the other.


def filtered(image, low, before, after):
    """Convolve with a filter after so many empty pixels around."""
    padded = np.pad(image, ((0, 0), (before, after), (before, after)))
    size = np.array(padded.shape[1:]) - len(low) + 1
    out = np.zeros((len(image), *size))
    for row in range(len(low)):
        for column in range(len(low)):
            part = padded[:, row : row + size[0], column : column + size[1]]
            out += low[len(low) - 1 - row, len(low) - 1 - column] * part
    return out


def spread(image):
    out = np.zeros((len(image), 2 * image.shape[1], 2 * image.shape[2]))
    out[:, ::2, ::2] = image
    return out


def modulated(data, weight, style, demodulate, padding, flip=False):
    weight = weight.astype(float) * style[None, :, None, None]
    if demodulate:
        weight = weight / np.sqrt((weight**2).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
    if flip:
        weight = weight[..., ::-1, ::-1]
    size = weight.shape[-1]
    padded = np.pad(data, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    return np.einsum("oikl,ihwkl->ohw", weight, windows)


def reference(w, ws, noise, clamp=1.5):
    """Return what comes out of each layer, and the picture."""
    made = {}

    def dense(name, data):
        return w[f"{name}.weight"] @ data / np.sqrt(len(data)) + w[f"{name}.bias"]

    def layer(name, data, row, up):
        style = dense(f"synthesis.{name}.affine", ws[row])
        weight = w[f"synthesis.{name}.weight"]
        if up:
            data = filtered(spread(data), 4 * w[f"synthesis.{name}.resample_filter"].astype(float), 3, 2)
            data = modulated(data, weight, style, True, 0, flip=True)
        else:
            data = modulated(data, weight, style, True, 1)
        data = data + noise(name, data.shape[1]) * w[f"synthesis.{name}.noise_strength"]
        data = data + w[f"synthesis.{name}.bias"][:, None, None]
        data = np.where(data < 0, 0.2 * data, data) * np.sqrt(2)
        made[name] = np.clip(data, -clamp, clamp) if clamp else data
        return made[name]

    data, image, row = w["synthesis.b4.const"].astype(float), None, 0
    for resolution in (4, 8, 16):
        if resolution > 4:
            data = layer(f"b{resolution}.conv0", data, row, up=True)
            row += 1
        data = layer(f"b{resolution}.conv1", data, row, up=False)
        row += 1
        name = f"synthesis.b{resolution}.torgb"
        style = dense(f"{name}.affine", ws[row]) / np.sqrt(len(data))
        colours = modulated(data, w[f"{name}.weight"], style, False, 0) + w[f"{name}.bias"][:, None, None]
        colours = np.clip(colours, -clamp, clamp) if clamp else colours
        made[f"b{resolution}.torgb"] = colours
        low = 4 * w[f"synthesis.b{resolution}.resample_filter"].astype(float)
        image = colours if image is None else filtered(spread(image), low, 2, 1) + colours
    return made | {"image": image}


@pytest.mark.parametrize("clamp", [1.5, None])
@pytest.mark.parametrize("noise", ["const", "random", "none"])
def test_every_layer_is_what_the_paper_says(tmp_path, noise, clamp):
    path = tmp_path / "net.pkl"
    path.write_bytes(snapshot(stylegan2_module(TINY, clamp=clamp)))
    network = persistence.read(path)
    session = runtime.written("stylegan2", stylegan2.synthesis(network, noise, layers=True))
    rng = np.random.default_rng(3)
    ws = rng.standard_normal((TINY.rows, TINY.width)).astype(np.float32)
    given = {name: rng.standard_normal(t.shape).astype(np.float32) for name, t in session.inputs.items() if "." in name}
    assert len(given) == (5 if noise == "random" else 0)
    drawn = {
        "const": lambda name, size: network.weights[f"synthesis.{name}.noise_const"],
        "random": lambda name, size: given[f"noise.{name}"][0, 0],
        "none": lambda name, size: np.zeros((size, size)),
    }
    expected = reference(network.weights, ws, drawn[noise], clamp)
    made = session.run({"ws": ws, **given})
    assert list(made)[-1] == "image"
    assert made.keys() == expected.keys()
    assert made["image"].shape == (1, 3, 16, 16)
    for name, value in expected.items():
        np.testing.assert_allclose(made[name][0], value, atol=2e-5, err_msg=name)
    if clamp:
        assert np.abs(expected["b8.conv0"]).max() == clamp


def resampled(image, taps, up, down, before, after):
    """Set the pixels apart, add or take away around, convolve, and keep one in so many: upfirdn."""
    spaced = np.zeros((len(image), image.shape[1] * up, image.shape[2] * up))
    spaced[:, ::up, ::up] = image
    spaced = np.pad(spaced, ((0, 0), *[(max(before, 0), max(after, 0))] * 2))
    inside = slice(max(-before, 0), spaced.shape[1] - max(-after, 0))
    taps = taps.astype(float)
    return filtered(spaced[:, inside, inside], np.outer(taps, taps) if taps.ndim == 1 else taps, 0, 0)[
        :, ::down, ::down
    ]


def reference3(network, layout, ws):
    """The same for StyleGAN3."""
    w, made = network.weights, {}

    def dense(name, data):
        return w[f"{name}.weight"] @ data / np.sqrt(len(data)) + w[f"{name}.bias"]

    t = dense("synthesis.input.affine", ws[0])
    cos, sin, x, y = t / np.hypot(t[0], t[1])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    turn = turn @ w["synthesis.input.transform"]
    freqs = w["synthesis.input.freqs"].astype(float)
    phases, freqs = w["synthesis.input.phases"] + freqs @ turn[:2, 2], freqs @ turn[:2, :2]
    faded = np.clip(1 - (np.hypot(*freqs.T) - 2) / (16 / 2 - 2), 0, 1)
    places = (np.arange(36) + 0.5 - 18) / 16
    waves = np.empty((36, 36, len(freqs)))
    for row in range(36):
        for column in range(36):
            waves[row, column] = faded * np.sin(2 * np.pi * (freqs @ (places[column], places[row]) + phases))
    mixing = w["synthesis.input.weight"]
    data = made["input"] = np.moveaxis(waves @ (mixing / np.sqrt(len(mixing))).T, 2, 0)
    for row, layer in enumerate(stylegan3.layers(layout), start=1):
        name = f"synthesis.{layer.name}"
        weight, style = w[f"{name}.weight"].astype(float), dense(f"{name}.affine", ws[row])
        colours = row == layout.layers + 1
        if colours:
            style = style / np.sqrt(len(style))
        else:
            weight = weight / np.sqrt((weight**2).mean(axis=(1, 2, 3), keepdims=True))
            style = style / np.sqrt((style**2).mean())
        data = modulated(data, weight, style, not colours, layer.kernel - 1) / np.sqrt(w[f"{name}.magnitude_ema"])
        data = data + w[f"{name}.bias"][:, None, None]
        if not colours:
            up, down = w[f"{name}.up_filter"], w[f"{name}.down_filter"]
            spare = (layer.after - 1) * layer.down + 1 - (layer.before + layer.kernel - 1) * layer.up
            spare += len(up) + len(down) - 2
            low = (spare + layer.up) // 2
            data = resampled(data, up, layer.up, 1, low, spare - low) * layer.up**2
            data = np.where(data < 0, 0.2 * data, data) * np.sqrt(2)
        data = np.clip(data, -2.5, 2.5)
        if not colours:
            data = resampled(data, down, 1, layer.down, 0, 0)
        made[layer.name] = data
    return made | {"image": 0.25 * data}


@pytest.mark.parametrize("layout", [TINY3, replace(TINY3, kernel=1, radial=True)], ids=["T", "R"])
def test_every_layer_of_stylegan3_is_what_the_paper_says(tmp_path, layout):
    path = tmp_path / "net.pkl"
    path.write_bytes(snapshot(stylegan3_module(layout)))
    network = persistence.read(path)
    session = runtime.written("stylegan3", stylegan3.synthesis(network, layers=True))
    ws = np.random.default_rng(3).standard_normal((layout.rows, layout.width)).astype(np.float32)
    made, expected = session.run({"ws": ws}), reference3(network, layout, ws)
    assert made.keys() == expected.keys()
    assert made["image"].shape == (1, 3, 32, 32)
    for name, value in expected.items():
        assert value.std(axis=(1, 2)).max() > 0.1, name
        np.testing.assert_allclose(made[name][0], value, atol=1e-4, err_msg=name)
    walk = Walk(model=path, size="32x32", duration=6, fps=1, truncation=1.5)
    assert len(np.unique(pictures(walk), axis=0)) == 6


def test_the_mapping_is_what_the_paper_says(tiny):
    network = persistence.read(tiny)
    z = np.random.default_rng(0).standard_normal((1, TINY.latent)).astype(np.float32)
    (made,) = runtime.written("stylegan2", stylegan2.mapping(network, TINY.mapping)).run({"z": z}).values()
    data = z[0] / np.sqrt((z**2).mean() + 1e-8)
    for index in range(3):
        weight, bias = (network.weights[f"mapping.fc{index}.{name}"].astype(float) for name in ("weight", "bias"))
        data = (weight * (0.01 / np.sqrt(len(data)))) @ data + 0.01 * bias
        data = np.where(data < 0, 0.2 * data, data) * np.sqrt(2)
    np.testing.assert_allclose(made[0], data, rtol=1e-5, atol=1e-6)


def test_layers_of_two_checkpoints(tiny, tmp_path):
    path = tmp_path / "toon.pkl"
    path.write_bytes(snapshot(stylegan2_module(TINY, seed=5)))
    one, other = persistence.read(tiny), persistence.read(path)
    both = stylegan2.swapped(one, other, 8)
    for name, value in both.weights.items():
        source = other if name.startswith("synthesis.b16.") else one
        np.testing.assert_array_equal(value, source.weights[name])
    path.write_bytes(snapshot(stylegan2_module(stylegan2.Layout(8, 10, 8, 64, 6, 3))))
    with pytest.raises(UseError, match="different sizes"):
        stylegan2.swapped(one, persistence.read(path), 8)


def pictures(generator, since=0):
    return [frame.image for frame in generator.frames(Fraction(since))]


def test_walk_leads_through_a_file(tiny):
    options = {"model": tiny, "size": "16x16", "duration": 1, "fps": 8, "seeds": "1,5", "loop": True}
    walk = Walk(**options)
    frames = pictures(walk)
    assert np.array_equal(walk.picture(8, walk.spec), frames[0])
    assert not np.array_equal(frames[4], frames[0])
    assert all(np.array_equal(a, b) for a, b in zip(frames[5:], pictures(Walk(**options), 5 / 8), strict=True))
    # The picture of a number is the one that StyleGAN's own programs make of it.
    network = persistence.read(tiny)
    z = np.random.RandomState(1).randn(1, TINY.latent).astype(np.float32)
    (w,) = runtime.written("stylegan2", stylegan2.mapping(network, TINY.mapping)).run({"z": z})["w"]
    stored = lambda name, size: network.weights[f"synthesis.{name}.noise_const"]  # noqa: E731
    image = reference(network.weights, np.tile(w, (TINY.rows, 1)), stored)["image"].transpose(1, 2, 0)
    expected = np.clip(image * 127.5 + 128, 0, 255)
    assert np.abs(frames[0] - expected).max() < 1.01
    assert frames[0].std() > 20
    wide = Walk(**options | {"size": "40x24"})
    assert pictures(wide)[0].shape == (24, 40, 3)


def test_truncation_mixing_noise_and_other_layers(tiny, tmp_path):
    options = {"model": tiny, "size": "16x16", "duration": 1, "fps": 2, "seeds": "1,5"}
    plain = Walk(**options)
    average = persistence.read(tiny).weights["mapping.w_avg"]
    told = plain.styles(0, plain.spec)
    assert np.array_equal(Walk(**options, truncation=0).styles(1, plain.spec), np.tile(average, (TINY.rows, 1)))
    half = Walk(**options, truncation=0.5).styles(0, plain.spec)
    assert np.allclose(half, (told + average) / 2, atol=1e-6)
    mixed = Walk(**options, mix=9, mix_from=2).styles(0, plain.spec)
    other = Walk(**options | {"seeds": "9"}).styles(0, plain.spec)
    assert np.array_equal(mixed[:2], told[:2])
    assert np.allclose(mixed[2:], other[2:], atol=1e-6)
    assert not np.allclose(told, other)

    first = pictures(plain)[0]
    random = Walk(**options, noise="random")
    assert np.array_equal(random.picture(0, random.spec), random.picture(0, random.spec))
    path = tmp_path / "toon.pkl"
    path.write_bytes(snapshot(stylegan2_module(TINY, seed=5)))
    different = [random, Walk(**options, noise="none"), Walk(**options, swap=path, swap_from=8)]
    for changed in different:
        assert not np.array_equal(pictures(changed)[0], first)
    assert np.array_equal(pictures(Walk(**options, swap=path, swap_from=16))[0], first)
    assert Walk(**options, swap=path, swap_from=15).space is different[2].space
    assert {Path(tiny), path} <= set(different[2].files)


def test_wrong_files_to_walk_through(tiny, tmp_path):
    path = tmp_path / "net.pkl"
    with pytest.raises(UseError, match="There is no file"):
        Walk(model=str(path)).spec  # noqa: B018
    path.write_bytes(written({"G_ema": Payload(eval, "1")}))
    with pytest.raises(ModelError, match=r"it wants to use builtins\.eval"):
        Walk(model=str(path)).spec  # noqa: B018
    with pytest.raises(UseError, match="swapped between files of StyleGAN2"):
        Walk(swap=tiny).spec  # noqa: B018
