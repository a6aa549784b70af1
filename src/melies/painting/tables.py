"""The classes of public data sets and the colours in which they are drawn."""

from __future__ import annotations

Table = tuple[tuple[str, ...], tuple[tuple[tuple[int, int, int], int], ...], bytes]

PLAIN = bytes(range(256))
"""Numbers that stand for themselves."""
IGNORE = NOTHING = 255
"""The grey value of what is to be ignored in layouts of numbers, and the code of values that are no class."""

CAMVID = """
sky 808080
building 800000 c00080 008040 400040 40c000
pole c0c080 000040
road 804080 8000c0 c00040
pavement 0000c0 3c28de 40c080 8080c0
tree 808000 c0c000
sign c08080 808040 004040
fence 404080
car 400080 804040 4080c0 c04080 c080c0
pedestrian 404000 408040 4000c0 c08040
bicyclist 0080c0 c000c0
unlabelled 000000
"""
"""The eleven classes that are usual, with all 32 colours of the data set: Brostow, Fauqueur and Cipolla (2009)."""

CITYSCAPES = """
unlabelled 000000
ego vehicle 000000
rectification border 000000
out of roi 000000
static 000000
dynamic 6f4a00
ground 510051
road 804080
sidewalk f423e8
parking faaaa0
rail track e6968c
building 464646
wall 66669c
fence be9999
guard rail b4a5b4
bridge 966464
tunnel 96785a
pole 999999
polegroup 999999
traffic light faaa1e
traffic sign dcdc00
vegetation 6b8e23
terrain 98fb98
sky 4682b4
person dc143c
rider ff0000
car 00008e
truck 000046
bus 003c64
caravan 00005a
trailer 00006e
train 005064
motorcycle 0000e6
bicycle 770b20
license plate 00008f
"""
"""The 35 labels of Cordts et al. (CVPR 2016), numbered as in `labelIds`, where the number plate is -1."""

TRAIN = (
    *(
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegetation",
        "terrain",
    ),
    *("sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)
"""Those of Cityscapes that networks are trained to tell apart, numbered as in `labelTrainIds`."""

NAMES = ("camvid", "cityscapes", "cityscapes-train", "coco", "ade20k")
UNKNOWN = "unlabelled"
"""The class of what is none of the others."""
KIN: dict[str, tuple[str, ...]] = {
    "bicycle": ("bicyclist",),
    "bicyclist": ("rider",),
    "bridge": ("building",),
    "bus": ("car",),
    "caravan": ("car",),
    "ego vehicle": ("car",),
    "ground": ("pavement", "sidewalk"),
    "guard rail": ("fence",),
    "license plate": ("car",),
    "motorcycle": ("bicyclist",),
    "parking": ("pavement", "sidewalk"),
    "pavement": ("sidewalk",),
    "pedestrian": ("person",),
    "person": ("pedestrian",),
    "pole": ("polegroup",),
    "polegroup": ("pole",),
    "rail track": ("road",),
    "rider": ("bicyclist",),
    "sidewalk": ("pavement",),
    "sign": ("traffic sign",),
    "terrain": ("tree", "vegetation"),
    "traffic light": ("sign",),
    "traffic sign": ("sign",),
    "trailer": ("car",),
    "train": ("car",),
    "tree": ("vegetation",),
    "truck": ("car",),
    "tunnel": ("building",),
    "vegetation": ("tree",),
    "wall": ("building",),
}
"""What a class is called elsewhere, or what comes nearest to it, the best first."""

_ADE20K, _COCO = 150, 182
"""Classes of Zhou et al. (CVPR 2017), where 0 is "other", and Caesar et al. (CVPR 2018)."""


def table(name: str) -> Table:
    """Return the classes of a data set, colours with the numbers of the classes that they stand for, and grey values'.

    A colour that several classes share stands for the first of them. The numbers are those of SPADE's channels. The
    grey value 255 is what these data sets write where a pixel is to be ignored: "unlabelled".
    """
    if name == "ade20k":
        return _numbered(_ADE20K), (), _codes(bytes([_ADE20K, *range(_ADE20K)]), _ADE20K)
    if name == "coco":
        return _numbered(_COCO), (), _codes(bytes(range(_COCO)), _COCO)
    if name == "cityscapes-train":
        every, drawn, _ = table("cityscapes")
        classes = [*TRAIN, UNKNOWN]
        return _table(classes, {rgb: classes.index(every[one]) for rgb, one in drawn if every[one] in classes})
    classes = []
    colours: dict[tuple[int, int, int], int] = {}
    for line in {"camvid": CAMVID, "cityscapes": CITYSCAPES}[name].strip().splitlines():
        words = line.split()
        codes = [word for word in words if len(word) == 6 and all(letter in "0123456789abcdef" for letter in word)]
        for code in codes:
            red, green, blue = bytes.fromhex(code)
            colours.setdefault((red, green, blue), len(classes))
        classes.append(" ".join(word for word in words if word not in codes))
    return _table(classes, colours)


def _table(classes: list[str], colours: dict[tuple[int, int, int], int]) -> Table:
    known = range(len(classes))
    return tuple(classes), tuple(colours.items()), _codes(bytes(known), classes.index(UNKNOWN))


def _codes(known: bytes, ignored: int) -> bytes:
    """What grey values stand for: the first ones for classes, the last for none, and those between for nothing."""
    return known + bytes([NOTHING] * (IGNORE - len(known)) + [ignored])


def _numbered(count: int) -> tuple[str, ...]:
    return *(f"class {number}" for number in range(count)), UNKNOWN
