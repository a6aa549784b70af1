"""What people who make films call things, and which values of which facets they mean by it.

Only values that are asked (see `analyse`) become terms, so a line here for a value that is not there does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from melies.footage.label import Facet
from melies.footage.search_conditions import Option, plain

SYNONYMS: dict[str, dict[str, str]] = {
    "size": {
        "extreme close-up": "ecu, xcu, extreme closeup, big close-up, bcu, macro, macro shot, detail shot",
        "close-up": "cu, closeup, close shot, tight shot, close on, close view",
        "medium close-up": "mcu, medium closeup, head and shoulders, bust shot",
        "medium": "ms, mid shot, midshot, waist shot, half shot, waist up",
        "medium full": "mfs, mls, medium long, medium long shot, cowboy, cowboy shot, american shot, "
        "three quarter shot, knee shot",
        "full": "fs, full body, full figure, head to toe, full length",
        "long": "ls, ws, wide, wide shot, wide angle shot, total, distant shot",
        "extreme long": "els, xls, ews, xws, wide, wide shot, extreme wide, extreme wide shot, very wide shot, vista, "
        "establishing, establishing shot, panorama",
    },
    "framing": {
        "single": "one-shot, one shot, single shot",
        "two-shot": "2-shot, 2 shot",
        "three-shot": "3-shot, 3 shot",
        "group": "group shot, crowd, crowd shot",
        "over-the-shoulder": "ots, over shoulder, over the shoulder shot, over his shoulder, over her shoulder",
    },
    "angle": {
        "eye level": "eye-level, at eye level, straight on",
        "low": "low-angle, from below, worm's eye, worm's eye view, looking up at",
        "high": "high-angle, from above, looking down on, looking down at",
        "top": "top-down, top down, overhead, overhead shot, bird's eye, bird's eye view, birds eye, "
        "god's eye, top shot",
        "dutch": "dutch tilt, dutch angle, canted, canted angle, tilted camera, tilted horizon, oblique",
    },
    "movement": {
        "static": "locked off, locked-off, lock-off, still camera, tripod, tripod shot, no movement, "
        "no camera movement, without movement, without camera movement, static camera, static shot, fixed camera, "
        "camera does not move, camera doesn't move, camera isn't moving, camera is not moving, unmoving, "
        "stationary camera",
        "pan left": "pan, panning, camera pans, pans left, panning left, whip pan, swish pan",
        "pan right": "pan, panning, camera pans, pans right, panning right, whip pan, swish pan",
        "tilt up": "tilting, camera tilts, tilts up, tilting up, tilt, pedestal up, boom up, crane up",
        "tilt down": "tilting, camera tilts, tilts down, tilting down, tilt, pedestal down, boom down, crane down",
        "push in": "push-in, pushing in, pushes in, dolly in, dollies in, zoom in, zooms in, zooming in, zoom, "
        "camera moves in, track in, move in, moving in",
        "pull out": "pull-out, pull back, pulling back, pulls back, dolly out, dolly back, zoom out, zooms out, "
        "zooming out, zoom, track out, moving out, push out",
        "roll": "rolling camera, camera roll, roll left, roll right, barrel roll, rotating camera, camera rotates",
        "roll left": "roll, rolling camera, camera roll, camera rotates, roll counterclockwise",
        "roll right": "roll, rolling camera, camera roll, camera rotates, roll clockwise",
        "handheld": "hand-held, hand held, shaky cam, shaky camera, wobbly",
        "tracking": "tracking shot, follow shot, following shot, trucking, dolly shot, travelling, traveling, crab, "
        "camera follows, steadicam, gimbal",
    },
    "key": {
        "high": "high-key, bright, airy",
        "low": "low-key, noir, moody, chiaroscuro",
    },
    "light": {
        "backlit": "back light, back-lit, backlight, contre-jour, contre jour, rim light, rim lit, against the light",
        "left": "side light, side lit, side-lit, sidelit, lit from the side, light from the side",
        "right": "side light, side lit, side-lit, sidelit, lit from the side, light from the side",
        "top": "top lit, top-lit, overhead light, light from above",
        "front": "front lit, front-lit, frontal light, flat light",
        "silhouette": "silhouettes, silhouetted, in silhouette",
    },
    "hardness": {
        "hard": "harsh light, hard shadows, hard lit, direct sun",
        "soft": "diffuse light, diffused light, soft shadows, soft lit, overcast light",
    },
    "temperature": {
        "warm": "warm colours, warm colors, warm light, warm tones, tungsten",
        "cool": "cold, cold colours, cold colors, cool colours, cool light, cold light, bluish",
    },
    "daytime": {
        "day": "at day, by day, daylight, during the day, in daylight, sunny, sunlight",
        "dusk": "dawn, at dusk, at dawn, twilight, sunset, sunrise, golden hour, blue hour, evening, in the evening",
        "night": "at night, by night, nighttime, night time, in the dark, nocturnal, dark",
    },
    "place": {
        "interior": "int, indoors, inside, indoor, interiors, in a room",
        "exterior": "ext, outdoors, outside, outdoor, exteriors, in the open, open air",
    },
    "scenery": {
        "interior": "int, indoors, inside, indoor, interiors",
        "exterior": "ext, outdoors, outside, outdoor, exteriors, open air",
        "city": "urban, skyline, cityscape, downtown, town, street",
        "street": "road, streets, in the street, on the street",
        "landscape": "countryside, nature",
        "sea": "ocean, seaside, coast, water",
        "mountain": "hills",
    },
    "expression": {
        "smiling": "smile, smiles, happy, cheerful, laughing, laughs, laugh, grinning, joyful",
        "laughing": "laugh, laughs",
        "speaking": "talking, talks, talk, speaks, speak, mouth moves",
        "surprised": "surprise, astonished, amazed",
        "eyes closed": "closed eyes, eyes shut, blinking",
        "frowning": "frown, frowns, angry",
        "sad": "unhappy",
        "mouth open": "open mouth, shouting, screaming",
    },
    "facing": {
        "camera": "facing the camera, facing camera, towards camera, towards the camera, frontal, from the front",
        "profile": "in profile, side view, from the side",
        "profile left": "profile, in profile, side view, looking left, looks left, facing left",
        "profile right": "profile, in profile, side view, looking right, looks right, facing right",
        "left": "looking left, looks left, facing left",
        "right": "looking right, looks right, facing right",
        "away": "from behind, seen from behind, back view, looking away, turned away",
    },
    "sound": {
        "speech": "dialogue, dialog, talking, talks, talk, speaks, speak, speaking, voice, voices, "
        "somebody speaks, someone speaks, spoken",
        "music": "song, with music, musical",
        "silence": "silent, no sound, soundless, mute",
        "noise": "ambience, atmosphere, ambient sound, noises",
    },
    "composition": {
        "rule of thirds": "thirds, on the third, off centre, off-centre",
        "symmetric": "symmetrical, symmetry",
        "centred": "centered, in the centre, in the center, central",
    },
    "colouring": {
        "monochrome": "black and white, black-and-white, b&w, bw, sepia, colourless, greyscale, grayscale",
        "muted": "desaturated, pale colours, faded",
        "colourful": "colorful, saturated, vivid, bright colours",
    },
    "faults": {
        "blurred": "blurry, out of focus, unsharp, soft focus, motion blur",
        "overexposed": "blown out, burnt out, over-exposed, too bright, clipped highlights",
        "underexposed": "under-exposed, too dark, crushed blacks",
        "shaky": "shake, shaking, unsteady, wobbly",
        "noisy": "grainy, grain, noisy picture",
        "flicker": "flickering, flickers",
        "black": "black frames, black picture",
        "frozen": "frozen frames, freeze frame, still picture",
        "letterbox": "letterboxed, black bars",
    },
}
"""Facet → value → what else it is called. A name may stand for several values."""

SYNONYMS["focus"] = {
    "shallow": "shallow depth of field, bokeh, blurred background, blurry background, out of focus background",
    "deep": "deep depth of field, everything in focus, sharp background",
}
SYNONYMS["moves"] = SYNONYMS["movement"]
SYNONYMS["gaze"] = {
    "into the lens": "looking at camera, looking at the camera, looks at the camera, into the camera, "
    "looks into the lens, looking into the lens, look at the camera, look into the lens, eye contact",
    "looking left": "looks left, eyes left",
    "looking right": "looks right, eyes right",
    "looking up": "looks up",
    "looking down": "looks down",
}

NUMBERS: dict[str, dict[str, tuple[float, float]]] = {
    "people": {
        "empty": (0, 0), "deserted": (0, 0), "unpeopled": (0, 0),
        "alone": (1, 1), "lonely": (1, 1), "one person": (1, 1), "couple": (2, 2), "pair of people": (2, 2),
        "crowd": (6, float("inf")), "crowded": (6, float("inf")), "many people": (4, float("inf")),
        "several people": (3, float("inf")), "group of people": (3, float("inf")),
    },
    "energy": {
        "lots of movement": (0.5, 1), "a lot of movement": (0.5, 1), "action": (0.5, 1), "energetic": (0.5, 1),
        "busy": (0.5, 1), "lively": (0.5, 1), "fast action": (0.6, 1), "calm": (0, 0.3), "peaceful": (0, 0.3),
        "nothing moves": (0, 0.15), "little movement": (0, 0.3),
    },
    "contrast": {
        "high contrast": (85, 100), "contrasty": (85, 100), "strong contrast": (85, 100), "low contrast": (0, 45),
        "weak contrast": (0, 45), "flat picture": (0, 45), "hazy": (0, 45),
    },
    "loudness": {"loud": (-18, float("inf")), "quiet": (-120, -30), "soft-spoken": (-120, -26)},
    "seconds": {
        "long take": (10, float("inf")), "long takes": (10, float("inf")), "short shot": (0, 2),
        "short shots": (0, 2), "quick shot": (0, 2), "brief shot": (0, 2), "brief": (0, 2),
    },
}  # fmt: skip
"""Facet → name → from, to."""

SPEEDS: dict[str, tuple[str, ...]] = {
    "slow": ("slow", "slowly", "gentle", "gently", "creeping"),
    "fast": ("fast", "quick", "quickly", "rapid", "rapidly", "whip", "swish"),
}

PEOPLE = {
    *("person", "people", "persons", "man", "men", "woman", "women", "boy", "boys", "girl", "girls", "child"),
    *("children", "kid", "kids", "someone", "somebody", "lady", "guy", "actor", "actress", "human", "humans"),
    *("anyone", "anybody"),
}
"""Words for people. They are not told apart, so these words are matched by meaning besides."""

ANYBODY = {"person", "people", "persons", "someone", "somebody", "human", "humans", "anyone", "anybody"}
"""Those that say no more than that."""

NOBODY = {"nobody", "no one", "noone"}
"""Words for there being none of them."""

SHOWN = {
    *("picture", "pictures", "frame", "frames", "image", "images", "shot", "shots", "scene", "scenes"),
    *("sight", "view", "clip", "footage"),
}
"""Words for the picture itself: beside what is asked of it they ask for nothing."""

SEEN = {"seen", "visible", "present", "around", "anywhere", *SHOWN}
"""Words that ask for nothing either beside what must not be: `no people around`."""

FACES = {"face", "faces"}

WRITING = {
    *("text", "texts", "writing", "lettering", "title", "titles", "caption", "captions", "subtitle", "subtitles"),
    *("text on screen", "on screen text", "words on screen", "written words"),
}
"""Words for something that is written in the picture, whatever it says."""

DOING = ("expression", "gaze", "facing", "sound")
"""Facets that say what somebody does, so that `nobody smiling` is about smiling."""

NOT = {
    *("no", "not", "without", "except", "excluding", "excepting", "never", "minus", "nor", "neither", "non", "cannot"),
    *("avoid", "avoiding", "exclude", "omit", "omitting", "skip", "lacking", "dont", "doesnt", "isnt", "arent", "wont"),
    *("other than", "anything but", "everything but", "all but", "anything except", "everything except"),
    *("anything other than", "everything other than", "anyone but", "anybody but", "everyone but", "everybody but"),
    *("except for", "apart from", "leave out", "leaving out", "free of", "devoid of", "instead of", "rather than"),
}
"""What is said of what must not be, besides whatever ends in n't."""

NOT_NOT = {"not only", "not just", "nothing but"}
"""What sounds like it and is none."""

HELPING = {
    *("do", "does", "did", "have", "has", "had", "having", "see", "use", "want", "get", "give", "i", "we", "you"),
    *("include", "includes", "including", "contain", "contains", "containing", "feature", "features", "featuring"),
    *("either", "neither", "visible"),
}
"""Words between a denial and what is denied: `don't include cars`."""

COUNTED = ("objects",)
"""Facets whose labels measure how many there are, as `count`."""
TOLD = ("objects", "expression", "scene", "scenery")
"""Facets whose words belong to what a sentence tells, and are matched by meaning too."""

_SUFFIXES: dict[str, tuple[str, ...]] = {
    "size": ("shot",),
    "framing": ("shot",),
    "angle": ("angle", "angle shot", "shot"),
    "key": ("key", "key light", "key lighting"),
    "light": ("light", "lit", "lighting"),
    "hardness": ("light", "lighting"),
    "focus": ("focus", "depth of field"),
    "temperature": ("light", "colours", "colors", "tones"),
    "pace": ("movement", "camera movement", "move", "camera"),
}
"""What may stand after the values of a facet besides its name, and must after those that mean other things alone."""

_VAGUE = {
    *("left", "right", "front", "back", "top", "high", "low", "long", "full", "medium", "wide", "close", "single"),
    *("hard", "soft", "deep", "shallow", "normal", "neutral", "flat", "none", "yes", "no", "camera", "away", "sure"),
    *("noise", "black", "roll", "mixed", "other", "slow", "fast", "moderate"),
}


@lru_cache(maxsize=8)
def terms(facets: tuple[Facet, ...]) -> Mapping[str, tuple[Option, ...]]:
    """Return what can be said about these facets, in the form of `plain`, and the values that each name stands for."""
    found: dict[str, list[Option]] = {}
    for facet in facets:
        known = {_core(value, facet.name): names for value, names in SYNONYMS.get(facet.name, {}).items()}
        for value in facet.values:
            core = _core(value, facet.name)
            names = [] if plain(value) in _VAGUE else [value]
            names += [f"{core} {suffix}" for suffix in (*_SUFFIXES.get(facet.name, ()), facet.name)]
            names += re.split(r",\s*", known.get(core, ""))
            for name in filter(None, map(plain, names)):
                found.setdefault(name, []).append(Option(facet.name, value))
    return {name: tuple(dict.fromkeys(options)) for name, options in found.items()}


def _core(value: str, facet: str) -> str:
    """A value without what may stand after it: `low` of `low angle`."""
    text = plain(value)
    for suffix in _SUFFIXES.get(facet, ()):
        text = text.removesuffix(f" {suffix}")
    return text


@lru_cache(maxsize=8)
def amounts(facets: tuple[Facet, ...]) -> Mapping[str, tuple[str, float, float]]:
    """Return what can be said about numbers, in the form of `plain`: the facet, from and to."""
    known = {"seconds", *(facet.name for facet in facets)}
    return {
        plain(name): (facet, *limits)
        for facet, names in NUMBERS.items()
        if facet in known
        for name, limits in names.items()
    }
