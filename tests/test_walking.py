"""Walks through latent spaces: paths, speeds, patterns of random networks."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies.errors import ModelError, UseError
from melies.generators.cppn import Cppn
from melies.generators.walk import Walk
from melies.models import runtime
from melies.models.convert.onnx_graph import Graph
from melies.models.metadata import with_metadata
from melies.walking import cppn, latent, photos, spaces
from melies.walking.paths import Pace, Way, between
from melies.walking.speed import read
from torch_files import zipped


def stops(dimension: int = 6):
    return lambda index: np.random.default_rng([5, abs(index), index < 0]).standard_normal(dimension)


def pictures(generator, since=0):
    return [frame.image for frame in generator.frames(Fraction(since))]


@pytest.mark.parametrize("kind", ["slerp", "spline", "line", "drift"])
def test_a_closed_way_meets_itself_and_is_walked_evenly(kind):
    way = Way(stops(), kind, 5, closed=True)
    assert np.allclose(way.at(0), way.at(5), atol=1e-12)
    assert np.allclose(way.at(4.999999), way.at(0), atol=1e-4)
    places = np.array([way.at(place) for place in np.linspace(0, 5, 401)])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    # Across each of the five corners that arcs and lines have, the chord is shorter than the way.
    assert steps.max() < 1.05 * np.sort(steps)[5]
    uneven = Way(stops(), kind, 5, closed=True, even=False)
    places = np.array([uneven.at(place) for place in np.linspace(0, 5, 401)])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert steps.max() > 1.2 * steps.min()


@pytest.mark.parametrize("kind", ["slerp", "spline", "line"])
def test_ways_lead_through_their_stops(kind):
    way = Way(stops(), kind, None)
    for index in (0, 3, 1000):
        assert np.allclose(way.at(index), stops()(index))
    finite = Way(stops(), kind, 4, even=False)
    for index in range(5):
        assert np.allclose(finite.at(index), stops()(index))
    assert np.allclose(finite.at(9), stops()(4))


def test_a_spline_has_no_corner_and_an_arc_keeps_its_radius():
    way = Way(stops(), "spline", None)
    before, here, after = way.at(3 - 1e-4), way.at(3), way.at(3 + 1e-4)
    assert np.allclose((here - before) / 1e-4, (after - here) / 1e-4, atol=1e-2)
    a, b = np.array([2.0, 0, 0]), np.array([0, 2.0, 0])
    for share in (0.2, 0.5, 0.9):
        assert np.linalg.norm(between(a, b, share)) == pytest.approx(2)
        assert np.arctan2(*between(a, b, share)[1::-1]) == pytest.approx(share * np.pi / 2)
    assert np.isfinite(between(a, -a, 0.5)).all()
    assert np.isfinite(between(a, np.zeros(3), 0.5)).all()


def test_a_drift_varies_as_much_as_what_it_wanders_between():
    way = Way(stops(64), "drift", None)
    places = np.array([way.at(place) for place in np.arange(0, 60, 0.37)])
    assert places.std() == pytest.approx(1, abs=0.05)


def test_speeds_are_added_up_the_same_wherever_one_begins():
    speed = read("1+0.5*sin(t)", 30, None)
    one, other = Pace(speed, 30), Pace(speed, 30)
    far = one.after(5000)
    assert [other.after(index) for index in (1023, 1024, 1025)] == [one.after(index) for index in (1023, 1024, 1025)]
    assert other.after(5000) == far
    assert far == pytest.approx(5000 / 30 + 0.5 * (1 - np.cos(5000 / 30)), abs=0.05)
    for count in (None, 80):
        keyed = read("0:(1), 60:(3)", 30, count)
        assert list(keyed(np.array([0, 30, 60, 90.0]))) == [1, 2, 3, 3]


@pytest.mark.parametrize("text", ["0:(1), 60:(", "1+", "0:(x)", "hello"])
def test_wrong_speeds_are_refused(text):
    with pytest.raises(UseError, match="speed"):
        Cppn(speed=text)


@pytest.mark.parametrize("speed", ["1/0", "1/(t-0.1)", "sqrt(-1)", "1e9"])
def test_speeds_that_cannot_be_gone_at_are_refused(speed):
    with pytest.raises(UseError, match="at frame"):
        pictures(Cppn(size="16x16", duration=0.5, fps=10, speed=speed))


@pytest.mark.parametrize("options", [{}, {"seeds": "1,5,9"}])
def test_a_speed_that_leads_nowhere_goes_to_and_fro(options):
    generator = Cppn(size="32x24", duration=3, fps=20, loop=True, speed="cos(2*pi*t/3)", **options)
    spec = generator.spec
    styles = np.array([generator.styles(index, spec)[0] for index in range(61)])
    assert np.array_equal(generator.picture(60, spec), generator.picture(0, spec))
    usual = Cppn(size="32x24", duration=3, fps=20, seed=0, pace=3).styles
    step = np.linalg.norm(usual(1, spec)[0] - usual(0, spec)[0])
    steps = np.linalg.norm(np.diff(styles, axis=0), axis=1)
    assert 0.2 * step < steps.max() < 4 * step


def test_what_is_not_seen_is_refused():
    with pytest.raises(UseError, match="4 layers: nothing of mix"):
        pictures(Cppn(size="16x16", duration=0.1, mix=5, mix_from=4))
    with pytest.raises(UseError, match="seeds ','"):
        Cppn(seeds=",")


@pytest.mark.parametrize("options", [{}, {"seeds": "1,5,9", "path": "slerp"}, {"flow": 0.5}, {"speed": "0:(1), 5:(4)"}])
def test_a_loop_meets_exactly_and_resumes_exactly(options):
    generator = Cppn(size="32x24", duration=0.5, fps=20, seed=3, loop=True, symmetry="tiles", **options)
    frames = pictures(generator)
    assert len(frames) == 10
    assert np.array_equal(generator.picture(10, generator.spec), frames[0])
    assert not np.array_equal(frames[5], frames[0])
    later = pictures(generator, 0.3)
    assert all(np.array_equal(a, b) for a, b in zip(frames[6:], later, strict=True))
    again = pictures(Cppn(**generator.model_dump()))
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))


def test_the_way_without_end_goes_on_and_formulas_drive_it():
    endless = Cppn(size="16x16", duration=float("inf"), fps=5)
    assert endless.spec.frames is None
    far = next(endless.make(Fraction(100_000))).image
    assert not np.array_equal(far, next(endless.make(Fraction(0))).image)
    driven = Cppn(size="16x16", duration=1, fps=5, pace=1, speed="0", react=["offset=t"])
    usual = Cppn(size="16x16", duration=1, fps=5, pace=1)
    assert all(np.array_equal(a, b) for a, b in zip(pictures(driven), pictures(usual), strict=True))


@pytest.mark.parametrize("vocabulary", list(cppn.VOCABULARIES))
def test_the_network_is_what_it_says(vocabulary):
    """The same in numpy, from the weights in the file, in 64 bits."""
    colours = {"smooth": "free", "waves": "hue", "spiky": "fire"}.get(vocabulary, "ocean")
    generator = Cppn(size="24x16", vocabulary=vocabulary, colours=colours, seed=8, bits="16", transparent=True)
    styles = generator.styles(7, generator.spec)
    made = generator.picture(7, generator.spec)
    assert made.dtype == np.uint16
    assert made.shape == (16, 24, 4)
    assert np.abs(made / 65535.0 - reference(generator.space.plan, styles, 24, 16)).max() < 2e-3


def reference(plan: cppn.Plan, styles: np.ndarray, width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng([plan.seed, 7])
    y, x = np.mgrid[:height, :width]
    x, y = ((v + 0.5 - n / 2) / (min(width, height) / 2) for v, n in ((x, width), (y, height)))
    data = np.stack([x, y, np.hypot(x, y)]).reshape(3, -1)
    names, gain = cppn.VOCABULARIES[plan.vocabulary]
    functions = {
        "tanh": np.tanh,
        "soft": lambda v: 1 / (1 + np.exp(-2 * v)),
        "gauss": lambda v: np.exp(-v * v),
        "absolute": lambda v: np.abs(v) - 0.7,
        "step": lambda v: np.tanh(12 * v),
        "triangle": lambda v: 4 * np.abs(0.4 * v - np.round(0.4 * v)) - 1,
        "parabola": lambda v: 8 * (0.5 * v - np.round(0.5 * v)) ** 2 - 1,
        "sine": lambda v: (u := 0.4 * v - np.round(0.4 * v)) * (8 - 16 * np.abs(u)),
    }
    for index in range(plan.layers):
        weights = rng.normal(0, gain / np.sqrt(len(data)) if index else 1.2, (plan.width, len(data)))
        listens = rng.normal(0, 0.9 / np.sqrt(cppn.DIMENSION), (plan.width, cppn.DIMENSION))
        own = rng.normal(0, 0.5, (plan.width, 1))
        total = weights @ data + listens @ styles[index][:, None] + own
        units = np.repeat(names, [len(range(k, plan.width, len(names))) for k in range(len(names))])
        data = np.stack([functions[name](row) for name, row in zip(units, total, strict=True)])
    wanted = 3 if plan.colours in ("free", "hue") else 1
    scale = 1.6 / np.sqrt(plan.width)
    weights = rng.normal(0, scale, (wanted, plan.width))
    made = (weights - weights.mean(1, keepdims=True)) @ data
    if plan.colours == "free":
        colours = 1 / (1 + np.exp(-2 * made))
    elif plan.colours == "hue":
        ring = np.cos(2 * np.pi * (0.35 * made[0] + np.array([[0], [1 / 3], [2 / 3]])))
        colours = 1 / (1 + np.exp(-2 * (ring / (1 + np.exp(-made[1])) + made[2])))
    else:
        a, b, c, d = (np.array(row)[:, None] for row in cppn._PALETTES[plan.colours])
        colours = np.clip(a + b * np.cos(2 * np.pi * (c * made + d)), 0, 1)
    opacity = 1 / (1 + np.exp(-(rng.normal(0, 3 * scale, (1, plan.width)) @ data)))
    return np.concatenate([colours, opacity]).T.reshape(height, width, 4)


def test_symmetries_are_exact_and_tiles_join():
    def made(symmetry, **options):
        generator = Cppn(size="64x48", symmetry=symmetry, seed=2, **options)
        return generator.picture(0, generator.spec).astype(int)

    mirror, quarters, tiles = made("mirror"), made("quarters"), made("tiles", zoom=0.5)
    assert np.abs(mirror - mirror[:, ::-1]).max() <= 1
    assert np.abs(quarters - quarters[::-1, ::-1]).max() <= 1
    assert np.abs(tiles[:24] - tiles[24:]).max() <= 1
    assert np.abs(tiles[:, :24] - tiles[:, 24:48]).max() <= 1
    turned = made("kaleidoscope", angle=60)
    assert np.abs(turned - made("kaleidoscope"))[8:40, 16:48].mean() < 0.5


def test_any_size_shows_the_same_and_threads_do_not_matter():
    small, large = Cppn(size="40x24", seed=4), Cppn(size="160x96", seed=4)
    big = large.picture(3, large.spec).astype(float).reshape(24, 4, 40, 4, 3).mean((1, 3))
    assert np.abs(big - small.picture(3, small.spec)).mean() < 3
    with runtime.options(threads=1):
        one = large.picture(3, large.spec)
    with runtime.options(threads=3):
        assert np.array_equal(large.picture(3, large.spec), one)


def test_walk_is_the_door_to_models_and_mixes_their_styles():
    options = {"size": "32x24", "duration": 1, "fps": 4, "seeds": "1,5", "pace": 2}
    plain = pictures(Walk(**options))
    assert all(np.array_equal(a, b) for a, b in zip(plain, pictures(Cppn(**options)), strict=True))
    through = Walk(**options, through="w", path="line")
    assert np.array_equal(pictures(through)[0], plain[0])
    mixed = Walk(**options, mix=9, mix_from=2)
    told, other = mixed.styles(0, mixed.spec), Walk(**{**options, "seeds": "9"})
    assert np.array_equal(told[:2], Walk(**options).styles(0, mixed.spec)[:2])
    assert np.allclose(told[2:], other.styles(0, other.spec)[2:], atol=1e-6)
    assert not Walk(**options, truncation=0).styles(0, mixed.spec).any()
    with pytest.raises(UseError, match="cpnn"):
        Walk(model="cpnn").spec  # noqa: B018
    with pytest.raises(UseError, match="seeds"):
        Walk(seeds="1,-2")


@pytest.fixture
def drawn(tmp_path):
    """A decoder of six numbers, each of which is how much there is of a picture, with five codes in it."""
    rng = np.random.default_rng(1)
    pictures = rng.normal(0, 0.6, (6, 3, 4, 6)).repeat(4, 2).repeat(4, 3).reshape(6, -1)
    codes = rng.standard_normal((5, 6)).astype(np.float32)
    graph = Graph()
    sums = graph.add("MatMul", graph.input("latent", "float32", (1, 6)), graph.constant(pictures, "float32"))
    made = graph.add("Reshape", graph.add("Sigmoid", sums), graph.constant((1, 3, 16, 24), "int64"))
    graph.output("made", made, "float32", (1, 3, 16, 24))
    path = tmp_path / "decoder.onnx"
    path.write_bytes(latent.with_codes(graph.to_bytes(), codes))
    return path, codes.astype(np.float16).astype(np.float32)


def test_photos_are_found_again_and_led_through(drawn, tmp_path):
    path, codes = drawn
    space = spaces.find(str(path))
    for index in (1, 3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), space.image(codes[index : index + 1], (24, 16))[..., ::-1])
        found = photos.styles(space, photos.photo(str(tmp_path / f"{index}.png")))
        assert np.abs(found - codes[index]).max() < 0.1
    photos.write(codes[None, 2], tmp_path / "two.npz")
    named = (tmp_path / "1.png", tmp_path / "two.npz", tmp_path / "3.png")
    walk = Walk(model=path, photo=named, size="24x16", fps=6, duration=1, loop=True, even=False)
    frames = pictures(walk)
    for frame, index in ((0, 1), (2, 2), (4, 3)):
        assert np.abs(walk.styles(frame, walk.spec) - codes[index]).max() < 0.1
        assert np.abs(frames[frame].astype(int) - space.image(codes[index : index + 1], (24, 16))).mean() < 2
    assert np.array_equal(walk.picture(6, walk.spec), frames[0])
    assert set(named) | {path} <= set(walk.files)
    assert Walk(model=path, photo=named[:1], duration=float("inf")).spec.frames is None


def test_latent_vectors_lead_to_codes_of_real_pictures(drawn):
    path, codes = drawn
    space = spaces.find(str(path))
    # Whatever is drawn lies between codes, and mostly near one; a vector that leads far that way ends at one.
    apart = []
    for seed in range(40):
        found = space.styles(np.random.RandomState(seed).standard_normal(6).astype(np.float32))
        shares, *_ = np.linalg.lstsq(np.vstack([codes.T, np.ones(5)]), np.append(found[0], 1), rcond=None)
        assert shares.min() > -1e-3
        assert shares.sum() == pytest.approx(1, abs=1e-3)
        apart.append(np.linalg.norm(codes - found, axis=1).min())
    assert np.median(apart) < 0.3 * np.linalg.norm(codes[0] - codes[1])
    far = 30 * np.random.RandomState(2).standard_normal(6).astype(np.float32)
    assert np.linalg.norm(codes - space.styles(far), axis=1).min() < 1e-3
    ordinary = Walk(model=path, truncation=0, size="24x16")
    assert np.allclose(ordinary.styles(3, ordinary.spec), codes.mean(0), atol=1e-6)


def test_wrong_files_of_photos_and_of_spaces_are_refused(drawn, tmp_path):
    path, _ = drawn
    space = spaces.find(str(path))

    def told(array, name="w"):
        np.savez(tmp_path / "some.npz", **{name: array})
        return photos.styles(space, photos.photo(str(tmp_path / "some.npz")))

    assert told(np.ones((1, 1, 6))).shape == (1, 6)
    with pytest.raises(UseError, match="styles of another network: 1×1×7"):
        told(np.ones((1, 1, 7)))
    for array, name in ((np.ones((1, 1, 6)), "z"), (np.full((1, 1, 6), np.inf), "w"), (np.array([{}]), "w")):
        with pytest.raises(UseError, match="holds no styles"):
            told(array, name)
    with pytest.raises(UseError, match="There is no file"):
        pictures(Walk(model=path, photo=(tmp_path / "none.png",)))
    whole = path.read_bytes()
    for content, message in (
        (with_metadata(whole, {"melies.codes": "AAA="}), "is damaged"),
        (cppn.written(cppn.Plan()), "no network to walk through"),
    ):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=message):
            spaces.find(str(path))


def test_a_dcgan_computes_what_its_layers_say(tmp_path, monkeypatch):
    """The same in numpy, layer by layer, from the state dict that PyTorch saved."""
    monkeypatch.setenv("MELIES_HOME", str(tmp_path))
    rng = np.random.default_rng(4)
    weights, into = {}, 5
    for index, out in enumerate((6, 4, 3)):
        weights[f"main.{3 * index}.weight"] = (
            rng.normal(0, 0.3, (into, out, 4, 4)).astype(np.float16).astype(np.float32)
        )
        if index < 2:
            for part, low in (("weight", 0.5), ("bias", -0.3), ("running_mean", -0.5), ("running_var", 0.5)):
                weights[f"main.{3 * index + 1}.{part}"] = (low + rng.random(out)).astype(np.float32)
            weights[f"main.{3 * index + 1}.num_batches_tracked"] = np.array(7)
        into = out
    path = tmp_path / "faces.pth"
    path.write_bytes(zipped(weights))
    z = np.random.RandomState(9).standard_normal(5)
    data = np.einsum("i,iokl->okl", z, weights["main.0.weight"])
    for index in (0, 1, 2):
        if index:
            kernel, size = weights[f"main.{3 * index}.weight"], data.shape[1]
            whole = np.zeros((kernel.shape[1], 2 * size + 2, 2 * size + 2))
            for y, x in np.ndindex(size, size):
                whole[:, 2 * y : 2 * y + 4, 2 * x : 2 * x + 4] += np.einsum("i,iokl->okl", data[:, y, x], kernel)
            data = whole[:, 1:-1, 1:-1]
        if index < 2:
            scale, shift, mean, spread = (
                weights[f"main.{3 * index + 1}.{part}"][:, None, None]
                for part in ("weight", "bias", "running_mean", "running_var")
            )
            data = np.maximum(0, (data - mean) / np.sqrt(spread + 1e-5) * scale + shift)
    walk = Walk(model=path, seeds="9", size="16x16")
    wanted = (np.tanh(data).transpose(1, 2, 0) + 1) * 127.5
    assert np.abs(walk.picture(0, walk.spec) - wanted).max() < 1
    path.write_bytes(zipped({name: value for name, value in weights.items() if name != "main.4.bias"}))
    with pytest.raises(ModelError, match=r"it has no weight main\.4\.bias"):
        Walk(model=path).spec  # noqa: B018
