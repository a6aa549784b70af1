"""Teach a tiny network for a few steps, kill nothing, and use what came out: training as it goes, only too short."""

from importlib.util import find_spec

import _sample

import melies
from melies import train
from melies.effects.translate import Translate
from melies.media.synthetic import write_clip

film = _sample.film(frames=20)
if find_spec("torch") is None:
    print("Training needs PyTorch: pip install 'melies[train]'")
else:
    other = write_clip(_sample.OUT / "other.mp4", size=(320, 180), frames=40, cut_at=20)
    CycleGan = train.find("cyclegan")
    options = {"a": (film,), "b": (other,), "size": 32, "side": 96, "steps": 4, "threads": 1, "out": _sample.OUT / "run"}
    for progress in train.run(CycleGan(**options, name="too-short", licence="CC0")):
        print(f"step {progress.step}:", {name: round(value, 3) for name, value in progress.losses.items()})
        for file in progress.files:
            print("wrote", file)
    melies.open(film).apply(Translate(model="too-short")).save(_sample.OUT / "translated.mp4", overwrite=True)
