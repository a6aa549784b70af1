"""Faces: where they are, their mesh, their pose and expression, and who is who through a shot."""

from melies.faces.census import Appearance, Person, census
from melies.faces.face import Face
from melies.faces.finder import find
from melies.faces.identity import cluster, distance, embed
from melies.faces.nets import BLENDSHAPES, blendshapes
from melies.faces.pose import Pose, fit, pose_of, turned
from melies.faces.smooth import OneEuro, Steady
from melies.faces.tracker import Tracker

__all__ = [
    "BLENDSHAPES",
    "Appearance",
    "Face",
    "OneEuro",
    "Person",
    "Pose",
    "Steady",
    "Tracker",
    "blendshapes",
    "census",
    "cluster",
    "distance",
    "embed",
    "find",
    "fit",
    "pose_of",
    "turned",
]
