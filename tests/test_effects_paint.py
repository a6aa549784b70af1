"""`paint`: layouts read through compression and refused when they are none, and painted so that one recognises them."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

import melies
from melies.effects.paint import Paint
from melies.errors import MeliesError, UseError
from melies.frame import Frame, VideoSpec
from melies.metrics import warp_error
from melies.painting import palette, tables
from melies.painting.footage import Segmenter
from melies.painting.layout import edges_of, labels_of, one_hot
from melies.painting.score import Confusion
from melies.painting.tables import UNKNOWN
from melies.testing import run
from test_nets_spade import SMALL, TINY, drawn
from torch_files import zipped

TICK = Fraction(1, 25)
CAMVID = palette.find("camvid")
SKY, BUILDING, POLE, ROAD, PAVEMENT = range(5)


def street(moved=0, height=96, width=128):
    """Labels of a street: sky above, houses on both sides, a pole, and a road that goes to the horizon."""
    labels = np.full((height, width), SKY, np.uint8)
    draw = lambda number, *corners: cv2.fillPoly(labels, [np.array(corners, np.int32)], number)  # noqa: E731
    draw(PAVEMENT, (0, 96), (0, 66), (60, 44), (68, 44), (128, 66), (128, 96))
    draw(ROAD, (10, 96), (60, 44), (68, 44), (118, 96))
    draw(BUILDING, (0, 0), (34, 8), (56, 44), (0, 66))
    draw(BUILDING, (128, 4), (94, 10), (72, 44), (128, 66))
    labels[20:80, 20 + moved : 24 + moved] = POLE
    return labels


def painted(images, **options):
    first = images[0]
    depth = 8 if first.dtype == np.uint8 else 16
    spec = VideoSpec(first.shape[1], first.shape[0], 1 / TICK, TICK, depth=depth, alpha=first.shape[2] == 4)
    frames = [Frame(image.copy(), index, TICK, 1) for index, image in enumerate(images)]
    return [frame.image for frame in run(Paint(**options), frames, spec)]


def test_what_is_painted_looks_like_what_was_drawn():
    labels = street()
    (made,) = painted([CAMVID.painted(labels)])
    assert made.shape == (96, 128, 3)
    assert made.dtype == np.uint8
    brightness = made.mean(-1)
    sky, road, house = (brightness[labels == number].mean() for number in (SKY, ROAD, BUILDING))
    assert sky > 1.3 * road
    assert sky > 1.5 * house
    found = Segmenter()(made, 128, 96)
    score = Confusion(12, 11)
    score.add(labels, found)
    assert score.ious[SKY] > 0.4
    assert score.ious[ROAD] > 0.5
    assert score.ious[BUILDING] > 0.4


def test_colours_numbers_and_other_palettes_mean_the_same():
    labels = street()
    cityscapes = palette.find("cityscapes")
    names = ["sky", "building", "pole", "road", "sidewalk"]
    elsewhere = np.array([cityscapes.classes.index(name) for name in names], np.uint8)[labels]
    grey = np.repeat(labels[..., None], 3, axis=2)
    (wanted,) = painted([CAMVID.painted(labels)])
    for image, options in (
        (grey, {}),
        (grey, {"values": "numbers"}),
        (grey.astype(np.uint16), {}),
        (grey.astype(np.uint16), {"values": "numbers"}),
        (cityscapes.painted(elsewhere), {"palette": "cityscapes"}),
        (CAMVID.painted(labels).astype(np.uint16) * 257, {}),
    ):
        (made,) = painted([image], **options)
        assert np.abs(made / np.iinfo(made.dtype).max - wanted / 255).max() < 1 / 254


def test_compressed_colours_are_read_and_others_refused():
    labels = street(height=192, width=256)
    drawn_ = CAMVID.painted(labels)
    _, jpeg = cv2.imencode(".jpg", drawn_, [cv2.IMWRITE_JPEG_QUALITY, 60])
    read = labels_of(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), CAMVID)
    assert (read == labels).mean() > 0.97
    strange = drawn_.copy()
    strange[:, :96] = (250, 240, 10)
    with pytest.raises(UseError, match=r"38% .* are no label of camvid; nearest: \w+ to #f"):
        labels_of(strange, CAMVID)
    with pytest.raises(UseError, match="no label of cityscapes"):
        labels_of(drawn_, palette.find("cityscapes"))
    with pytest.raises(UseError, match=r"grey values that are numbers of ade20k's classes .*: --palette$"):
        labels_of(drawn_, palette.find("ade20k"))
    with pytest.raises(UseError, match=r"numbers of camvid's classes were expected\. Leave out --values$"):
        labels_of(drawn_, CAMVID, "numbers")
    with pytest.raises(UseError, match=r"100% of the layout has numbers that are no class of camvid, such as 40\."):
        labels_of(np.full((8, 8, 3), 40, np.uint8), CAMVID, "numbers")


def test_a_frame_that_is_no_layout_is_named_by_its_time():
    good = CAMVID.painted(street())
    bad = np.full_like(good, (250, 240, 10))
    with pytest.raises(UseError, match=r"^At 0\.040 s: 100% of the picture has .* frames before it are layouts"):
        painted([good, bad])
    with pytest.raises(UseError, match=r"^100% of the picture has colours .* which palette"):
        painted([bad, good])


def test_numbers_beyond_the_classes_are_never_colours_near_black():
    void = street().astype(np.uint8)
    void[:2] = 200
    grey = np.repeat(void[..., None], 3, axis=2)
    for values in ("auto", "numbers"):
        with pytest.raises(
            UseError, match=r"2% of the layout has numbers that are no class of camvid, .* 200\."
        ) as told:
            labels_of(grey, CAMVID, values)
        assert ("--values colours" in told.value.hint) == (values == "auto")
    with pytest.raises(UseError, match="no class of coco") as told:
        labels_of(grey, palette.find("coco"))
    assert "--values" not in told.value.hint
    greys = np.zeros((8, 8, 3), np.uint8)
    greys[:4] = 128  # the colour of camvid's sky, above the unlabelled black
    names = [CAMVID.classes[label] for label in labels_of(greys, CAMVID)[:, 0]]
    assert names == ["sky"] * 4 + ["unlabelled"] * 4


def test_numbers_of_public_data_sets_are_those_of_their_networks():
    grey = np.array([[[0] * 3, [1] * 3, [150] * 3]], np.uint8)
    assert labels_of(grey, palette.find("ade20k")).tolist() == [[150, 0, 149]]
    grey = np.array([[[0] * 3, [181] * 3, [255] * 3]], np.uint8)
    assert labels_of(grey, palette.find("coco")).tolist() == [[0, 181, 182]]
    for name in tables.NAMES:
        known = palette.find(name)
        assert palette.of(name, known.entries) is not None
        assert (
            len(known.classes)
            == {"camvid": 12, "cityscapes": 35, "cityscapes-train": 20, "coco": 183, "ade20k": 151}[name]
        )


@pytest.mark.parametrize("name", tables.NAMES)
def test_255_is_what_public_data_sets_ignore(name):
    known = palette.find(name)
    numbers = street() + 1
    numbers[:3] = 255
    for values in ("auto", "numbers"):
        read = labels_of(np.repeat(numbers[..., None], 3, axis=2), known, values)
        assert {known.classes[label] for label in read[:3].ravel()} == {UNKNOWN}
        assert (read[3:] == numbers[3:] - (name == "ade20k")).all()


def test_the_two_numberings_of_cityscapes_are_not_mistaken_for_each_other():
    ids, train = palette.find("cityscapes"), palette.find("cityscapes-train")
    numbers = np.array([[0, 10, 18, 255]], np.uint8)
    grey = np.repeat(numbers[..., None], 3, axis=2)
    with pytest.raises(UseError, match=r"as Cityscapes' trainIds.*--palette cityscapes-train, or --values numbers"):
        labels_of(grey, ids)
    assert [ids.classes[label] for label in labels_of(grey, ids, "numbers")[0]][1:] == [
        "rail track",
        "polegroup",
        UNKNOWN,
    ]
    names = ["road", "sky", "bicycle", UNKNOWN]
    for image in (grey, ids.painted(np.array([[ids.classes.index(name) for name in names]], np.uint8))):
        assert [train.classes[label] for label in labels_of(image, train)[0]] == names


def test_palettes_of_numbers_have_no_colours():
    for name in ("coco", "ade20k"):
        with pytest.raises(UseError, match=f"^Layouts of {name} hold numbers of classes as grey values: it has no col"):
            labels_of(CAMVID.painted(street()), palette.find(name), "colours")


def test_layouts_that_change_size_are_refused_before_scaling_makes_other_classes(tmp_path):
    small, large = street(), street(height=96, width=150)
    for name, one, other in (
        ("colours", CAMVID.painted(small)[..., ::-1], CAMVID.painted(large)[..., ::-1]),
        ("numbers", small, large),
    ):
        (tmp_path / name).mkdir()
        for index, picture in enumerate((one, one, other)):
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), picture)
        clip = melies.open(tmp_path / name)
        scaled = [frame.scaled for frame in clip.frames()]
        assert scaled == [None, None, (150, 96)]
        with pytest.raises(UseError, match=r"^At 0\.080 s the layouts change size, to 150×96 pixels, .* one size"):
            list(clip.apply(Paint()).frames())
    # Painted as things of their own, they would have lines where there are none.
    weights = drawn(TINY.shapes, 1)
    (tmp_path / "latest_net_G.pth").write_bytes(zipped(weights))
    with pytest.raises(UseError, match=r"^At 0\.080 s the pictures of .*numbers change size, to 150×96 pixels"):
        painted(
            [CAMVID.painted(small)] * 3,
            model=str(tmp_path / "latest_net_G.pth"),
            palette="camvid",
            instances=tmp_path / "numbers",
        )


def test_palettes_of_ones_own(tmp_path):
    path = tmp_path / "beach.txt"
    path.write_text("sea  #0000ff\n\nwet sand #aa8800 #bb9900\n")
    mine = palette.find(str(path))
    assert mine.classes == ("sea", "wet sand")
    image = np.array([[[0, 0, 255], [187, 153, 0]]], np.uint8)
    assert labels_of(image, mine).tolist() == [[0, 1]]
    with pytest.raises(UseError, match="The model paints no sea, which is a class of the palette beach") as told:
        palette.translated(mine, ["sky", "seas", "unlabelled"])
    assert "Did you mean seas?" in told.value.message
    assert "sky, seas" in told.value.hint
    path.write_text("sea #0000ff\nsand yellow\n")
    with pytest.raises(UseError, match=r"Line 2 of .*beach.txt is not a name and a colour: 'sand yellow'"):
        palette.find(str(path))
    for text, mistake in (
        ("\n", r"The palette .*beach\.txt names no class\. Write a line"),
        (
            "road #804080\n\nsky #112233 #804080\n",
            r"^Line 3 of .*beach\.txt gives sky the colour #804080, which road has",
        ),
        ("".join(f"c #{number:06x}\n" for number in range(256)), "names 256 classes, and 255 are the most"),
    ):
        path.write_text(text)
        with pytest.raises(UseError, match=mistake):
            palette.find(str(path))
    with pytest.raises(UseError, match=r"There is no palette camvit\. Did you mean camvid\?"):
        palette.find("camvit")


def test_a_public_generator_paints_with_the_borders_of_instances(tmp_path):
    weights = drawn(TINY.shapes, 1)
    weights["conv_img.weight"] *= 0.3
    path = tmp_path / "latest_net_G.pth"
    path.write_bytes(zipped(weights))
    cityscapes = palette.find("cityscapes")
    image = cityscapes.painted(np.full((70, 90), cityscapes.classes.index("car"), np.uint8))
    (whole,) = painted([image], model=str(path))
    ids = np.zeros((70, 90, 3), np.uint8)
    ids[:, 45:] = 1
    cv2.imwrite(str(tmp_path / "ids.png"), ids)
    (parted,) = painted([image], model=str(path), instances=tmp_path / "ids.png")
    assert whole.shape == parted.shape == (70, 90, 3)
    assert (whole != parted).any()
    cv2.imwrite(str(tmp_path / "small.png"), ids[:30, :40])
    with pytest.raises(UseError, match=r"small\.png has 40×30 pixels, and the layout 90×70"):
        painted([image], model=str(path), instances=tmp_path / "small.png")
    edges = edges_of(np.array([[1, 1, 2, 2]] * 2, np.uint8))
    assert edges.tolist() == [[False, True, True, False]] * 2


def test_a_public_pix2pix_paints_the_colours_themselves(tmp_path):
    path = tmp_path / "facades.pth"
    path.write_bytes(zipped(drawn(SMALL.shapes, 3)))
    image = np.random.default_rng(0).integers(0, 256, (24, 40, 3)).astype(np.uint8)
    (made,) = painted([image], model=str(path))
    assert made.shape == image.shape
    with pytest.raises(MeliesError, match="paints the colours of layouts as they are"):
        painted([image], model=str(path), palette="camvid")
    with pytest.raises(MeliesError, match=r"paints the colours of layouts as they are\. Leave out --values"):
        painted([image], model=str(path), values="numbers")


def test_steady_paint_stays_on_what_it_was_painted_on():
    rng = np.random.default_rng(1)
    scene = cv2.GaussianBlur(rng.normal(size=(96, 160, 3)).astype(np.float32), (0, 0), 4)
    scene = np.clip(120 + 60 * scene / scene.std(), 0, 255)
    # A camera that stands still, with the noise of a cheap one: the segmenter is never of the same opinion twice.
    film = [np.clip(scene + rng.normal(0, 5, scene.shape), 0, 255).astype(np.uint8) for _ in range(6)]
    errors = [warp_error(painted(film, origin="footage", steady=steady), film) for steady in (0.0, 0.8)]
    assert errors[1] < 0.6 * errors[0]


def test_one_hot_and_what_is_asked_for_wrongly():
    planes = one_hot(np.array([[2, 0]], np.uint8), 3)
    assert planes.tolist() == [[[[0, 1]], [[0, 0]], [[1, 0]]]]
    with pytest.raises(UseError, match=r"There is no model 'street' for paint\. Did you mean streets\?"):
        Paint(model="street").output(VideoSpec(64, 48, Fraction(25), TICK))
    with pytest.raises(UseError, match="streets draws no lines between things of a kind"):
        painted([CAMVID.painted(street())], instances="ids.png")
    for layout in ({"palette": "camvid"}, {"values": "numbers"}, {"values": "colours"}, {"instances": "ids.png"}):
        with pytest.raises(UseError, match="--palette, --values and --instances are of layouts"):
            Paint(origin="footage", **layout)
