"""Which of ImageNet's words speak for which place, in plain words."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from melies.footage.tagger import words

# fmt: off
EXTERIORS: dict[str, str] = {
    "street": "streetcar, cab, traffic light, parking meter, street sign, trolleybus, minibus, police van, limousine, "
              "convertible, jeep, minivan, moving van, ambulance, fire engine, garbage truck, tow truck, "
              "trailer truck, recreational vehicle, beach wagon, pickup, school bus, motor scooter, moped, "
              "mountain bike, bicycle-built-for-two, jinrikisha, horse cart, gas pump, car wheel, grille, "
              "manhole cover, mailbox, cinema, car mirror, sports car, unicycle, crash helmet, tricycle, pay-phone",
    "city": "steel arch bridge, suspension bridge, viaduct, triumphal arch, obelisk, fountain, palace, dome, cinema, "
            "streetcar, trolleybus, scoreboard, crane, water tower, flagpole, pole",
    "building": "castle, palace, church, monastery, mosque, stupa, bell cote, dome, boathouse, greenhouse, lumbermill, "
                "mobile home, planetarium, prison, thatch, tile roof, yurt, cliff dwelling, triumphal arch, beacon, "
                "water tower, barn, patio, library, vault, steel arch bridge, solar dish",
    "mountain": "alp, volcano, cliff, valley, mountain tent, cliff dwelling",
    "sea": "seashore, coral reef, sandbar, promontory, breakwater, pier, dock, container ship, liner, catamaran, "
           "trimaran, schooner, yawl, speedboat, lifeboat, aircraft carrier, submarine, drilling platform, fireboat, "
           "pirate, wreck, beacon, snorkel, scuba diver",
    "water": "lakeside, canoe, paddle, gondola, dam, geyser, boathouse, seashore, sandbar, promontory, breakwater, "
             "paddlewheel, fountain, lifeboat, speedboat",
    "snow": "ski, snowmobile, snowplow, dogsled, bobsled, alp, ski mask",
    "countryside": "hay, barn, harvester, thresher, plow, tractor, rapeseed, corn, worm fence, ox, oxcart, horse cart, "
                   "water buffalo, sorrel, ram, stone wall, yurt, thatch, birdhouse, apiary, lumbermill",
    "garden": "greenhouse, pot, lawn mower, picket fence, park bench, birdhouse, patio, maze, swing, daisy, "
              "bee, monarch, ladybug",
    "sky": "space shuttle, missile, projectile, parachute, airliner, warplane, airship, balloon, wing",
}
"""Places under the open sky → words for what is seen there."""

INTERIORS: dict[str, str] = {
    "room": "studio couch, rocking chair, television, entertainment center, home theater, bookcase, china cabinet, "
            "wardrobe, table lamp, lampshade, sliding door, window shade, window screen, fire screen, prayer rug, "
            "folding chair, chiffonier, radiator, space heater, throne, pool table, grand piano, upright, vacuum, "
            "wall clock, shoji, theater curtain, dining table, doormat, electric fan, barber chair, coffee mug",
    "kitchen": "stove, microwave, refrigerator, dishwasher, toaster, waffle iron, espresso maker, Dutch oven, "
               "frying pan, wok, spatula, ladle, coffeepot, Crock Pot, mixing bowl, measuring cup, strainer",
    "bedroom": "four-poster, crib, cradle, bassinet, quilt, pillow, mosquito net, pajama",
    "bathroom": "bathtub, tub, shower curtain, toilet seat, washbasin, medicine chest, plunger, bath towel, "
                "soap dispenser, toilet tissue, hand blower, lotion, hair spray",
    "office": "desk, desktop computer, monitor, screen, computer keyboard, laptop, notebook, printer, photocopier, "
              "file, mouse, modem, hand-held computer, dial telephone, space bar, binder, paper towel, lab coat",
    "shop": "grocery store, bakery, butcher shop, confectionery, shoe shop, toyshop, barbershop, vending machine, "
            "shopping cart, shopping basket, bookshop",
    "restaurant": "restaurant, menu, plate, espresso, cup, soup bowl, red wine, beer glass, goblet, eggnog, pizza, "
                  "tray, wine bottle, cocktail shaker, saltshaker, consomme",
    "library": "bookcase, library, bookshop",
    "stage": "stage, theater curtain, microphone, spotlight, electric guitar, drum, accordion, cello, violin, sax",
    "gym": "parallel bars, balance beam, horizontal bar, dumbbell, barbell, punching bag, ping-pong ball, volleyball, "
           "basketball",
    "in a vehicle": "seat belt, car mirror",
}  # fmt: skip
"""Places under a roof → the same."""

_ANIMALS = (
    *((0, 7, "fish"), (7, 25, "bird"), (25, 30, "salamander"), (30, 33, "frog"), (33, 38, "turtle")),
    *((38, 49, "lizard"), (49, 51, "crocodile"), (52, 69, "snake"), (70, 79, "spider"), (80, 101, "bird")),
    *((118, 122, "crab"), (122, 124, "lobster"), (127, 147, "bird"), (147, 149, "whale"), (151, 269, "dog")),
    *((269, 273, "wolf"), (277, 281, "fox"), (281, 286, "cat"), (286, 294, "big cat"), (294, 298, "bear")),
    *((300, 308, "beetle"), (308, 321, "insect"), (321, 327, "butterfly"), (330, 333, "rabbit"), (341, 344, "pig")),
    *((345, 348, "cattle"), (348, 351, "sheep"), (351, 354, "antelope"), (354, 355, "camel"), (365, 385, "monkey")),
    *((385, 387, "elephant"), (389, 398, "fish")),
)
"""Of the kinds of animals: the first word, the one after the last, and what they are called together."""

VEHICLES: dict[str, str] = {
    "bicycle": "mountain bike, bicycle-built-for-two, unicycle, tricycle, jinrikisha",
    "car": "cab, limousine, convertible, jeep, minivan, beach wagon, sports car, police van, car wheel, grille",
    "motorcycle": "moped, motor scooter",
    "bus": "minibus, school bus, trolleybus",
    "truck": "moving van, fire engine, garbage truck, tow truck, trailer truck, pickup",
    "boat": "canoe, gondola, speedboat, lifeboat, catamaran, trimaran, schooner, yawl, fireboat",
}
"""Things of COCO → the words for them."""

CROSSING = {"in a vehicle", "stage", "restaurant", "library"}
"""Places that say little of whether they lie under a roof."""


@cache
def _weights(places: tuple[tuple[str, str], ...]) -> NDArray[np.float32]:
    """Which words speak for which place, `1000×N`."""
    known = {word: number for number, word in enumerate(words())}
    made = np.zeros((len(known), len(places)), np.float32)
    for column, (_, listed) in enumerate(places):
        made[[known[word.strip()] for word in listed.split(",")], column] = 1
    return made


def chances(seen: NDArray[np.float32]) -> dict[str, float]:
    """Return how likely each place is.

    Args:
        seen: How likely each word is, `1000`, as `Impression.chances`.
    """
    places = (*EXTERIORS.items(), *INTERIORS.items())
    return dict(zip((name for name, _ in places), map(float, seen @ _weights(places)), strict=True))


def kindred(seen: NDArray[np.float32]) -> dict[str, float]:
    """Return how likely the tagger finds each kind of vehicle; `seen` as for `chances`."""
    return dict(zip(VEHICLES, map(float, seen @ _weights(tuple(VEHICLES.items()))), strict=True))


def outside(seen: NDArray[np.float32]) -> tuple[float, float]:
    """Return how likely it is that the sky is above, and that a roof is; the rest is open."""
    groups = [
        tuple((name, listed) for name, listed in places.items() if name not in CROSSING)
        for places in (EXTERIORS, INTERIORS)
    ]
    out, inside = (float(seen @ _weights(group).max(1)) for group in groups)
    return out, inside


def plainly(seen: NDArray[np.float32]) -> dict[str, float]:
    """Return how likely each word is, with the kinds of an animal taken together: `cat` for a tabby.

    Args:
        seen: How likely each word is, `1000`, as `Impression.chances`.
    """
    names = list(words())
    for first, last, name in _ANIMALS:
        names[first:last] = [name] * (last - first)
    found: dict[str, float] = {}
    for name, chance in zip(names, seen.tolist(), strict=True):
        found[name] = found.get(name, 0.0) + chance
    return found
