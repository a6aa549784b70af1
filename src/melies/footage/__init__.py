"""Reading footage the way an assistant editor does: shots, what is in them, how to find and assemble them."""

from melies.footage.label import Facet, Label
from melies.footage.material import Material, Motion, Still, Thing
from melies.footage.record import Record, Word
from melies.footage.shot import Shot

__all__ = ["Facet", "Label", "Material", "Motion", "Record", "Shot", "Still", "Thing", "Word"]
