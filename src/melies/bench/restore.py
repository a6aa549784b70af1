"""`dust` and the recipe `restore`, on films that were aged on purpose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.bench import Bench, Result, benchmark
from melies.bench.deflicker import applied, shots_of
from melies.frame import Image


def _psnr(found: list[Image], truth: list[Image]) -> float:
    from melies.metrics import psnr

    return float(np.mean([min(60.0, psnr(a, b)) for a, b in zip(found, truth, strict=True)]))


def _changed(found: Image, given: Image) -> NDArray[np.bool_]:
    return np.asarray((np.abs(found.astype(np.int16) - given) > 6).any(-1))


@benchmark
def dust(bench: Bench) -> list[Result]:
    """Dust and scratches added to real films: PSNR gained, how much is found, and what clean films lose."""
    from melies.effects.dust import Dust
    from melies.restoring import ageing

    results = []
    for film in ("bikes", "carphone_pristine", "bigbuckbunny"):
        frames, truth = shots_of(bench, film, 0.8)
        kinds = {"dust": (ageing.dust, Dust(scratches=0)), "scratches": (ageing.scratches, Dust(dust=0))}
        for kind, (spoil, effect) in kinds.items():
            bad, masks = zip(*(spoil(image, index) for index, image in enumerate(truth)), strict=True)
            good = applied(effect, bench, film, frames, bad)
            before, after = _psnr(list(bad), truth), _psnr(good, truth)
            marks = sum(int(mask.sum()) for mask in masks)
            found = sum(int((_changed(a, b) & mask).sum()) for a, b, mask in zip(good, bad, masks, strict=True))
            results.append(
                Result(
                    "dust", f"PSNR gained by taking off {kind} ({film})", after - before, "dB",
                    ">= 5", after - before >= 5, f"{before:.1f} to {after:.1f} dB; {found / marks:.0%} of it found",
                )
            )  # fmt: skip
        clean = applied(Dust(), bench, film, frames, truth)
        eaten = 100 * float(np.mean([_changed(a, b).mean() for a, b in zip(clean, truth, strict=True)]))
        results.append(
            Result("dust", f"pixels of a clean film that are changed ({film})", eaten, "%", "<= 0.2", eaten <= 0.2)
        )
    return results


@benchmark
def restore(bench: Bench) -> list[Result]:
    """The recipe on a film with grain, weave, scratches, dust and flicker: how steady and how true it gets.

    Left out is `stabilize`: it moves and crops, and no frame could be compared with what it was.
    """
    from melies.metrics import brightness_flicker, ssim, warp_error
    from melies.recipe import Recipe, locate
    from melies.restoring import ageing

    film = "bikes"
    frames, truth = shots_of(bench, film, 1.2)
    old = [ageing.old_film(image, index) for index, image in enumerate(truth)]
    recipe, made = Recipe.load(locate("restore")), old
    for effect in recipe.effects:
        if effect.name() == "stabilize":
            continue
        made = applied(effect, bench, film, frames, made)
    before, after = warp_error(old, truth), warp_error(made, truth)
    likeness = [float(np.mean([ssim(a, b) for a, b in zip(film_, truth, strict=True)])) for film_ in (old, made)]
    return [
        Result(
            "restore", "flicker of everything, warp error before / after", before / after, "x",
            ">= 2", before / after >= 2,
            f"{before:.4f} and {after:.4f}; mean brightness {brightness_flicker(old):.4f} and "
            f"{brightness_flicker(made):.4f}",
        ),
        Result(
            "restore", "SSIM to the film before it was aged", likeness[1], "", "-", None, f"aged {likeness[0]:.3f}"
        ),
    ]  # fmt: skip
