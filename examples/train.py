"""Teach a tiny network for a few steps, and use what came out: a training as it goes, only much too short."""

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
    tiny = {"size": 32, "side": 96, "steps": 4, "threads": 1}
    trainer = CycleGan(a=(film,), b=(other,), out=_sample.OUT / "run", name="too-short", licence="CC0", **tiny)
    for progress in train.run(trainer):
        print(f"step {progress.step}:", {name: round(value, 3) for name, value in progress.losses.items()})
        for file in progress.files:
            print("wrote", file)
    melies.open(film).apply(Translate(model="too-short")).save(_sample.OUT / "translated.mp4", overwrite=True)
