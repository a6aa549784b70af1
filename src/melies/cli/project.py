"""`melies project`: find a photo again in the latent space of a network."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(
    "project",
    no_args_is_help=True,
    epilog="""\b
    melies project me.jpg --model ffhq.pkl --out me.npz
    melies dream out.mp4 walk --model ffhq.pkl --photo me.npz --photo you.npz --loop""",
)
@click.argument("photo", metavar="PHOTO", type=click.Path())
@click.option("--model", required=True, metavar="MODEL", help="The network, as for the generator walk.")
@click.option("--out", "target", required=True, type=click.Path(), metavar="FILE", help="The .npz file to write.")
@click.option("--steps", type=click.IntRange(1, 100_000), metavar="NUMBER", help="StyleGAN2: how long to look; 1000.")
@click.option("--pixels", is_flag=True, help="StyleGAN2: compare pixels alone, which needs no VGG16 and is worse.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="StyleGAN2: where to compute.",
)
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def command(
    photo: str,
    model: str,
    target: str,
    steps: int | None,
    pixels: bool,
    device: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Find the place of a photo, or of FILM@TIME, in the latent space of a network.

    What is written leads `walk --photo` there. Networks of `melies train latent` find photos by themselves; a StyleGAN2
    needs PyTorch (melies[train]), VGG16 (melies models pull vgg16) and minutes, on a processor hours.
    """
    from melies.errors import UseError
    from melies.files import writable
    from melies.walking import photos, projecting

    path = Path(target)
    if path.suffix.lower() != photos.SUFFIX:
        raise UseError(f"--out {path} should end in {photos.SUFFIX}.", "That is what places are kept in.")
    writable(path, overwrite)
    steps = steps or projecting.STEPS
    # The bar shows itself in a terminal only.
    with click.progressbar(length=steps, file=sys.stderr, hidden=quiet or not sys.stderr.isatty()) as bar:
        found = projecting.project(model, photo, steps=steps, pixels=pixels, device=device, tell=lambda: bar.update(1))
    photos.write(found.styles, path)
    if not quiet:
        click.echo(f"{path} · what is made there is off by {found.off:.1f} of 255 levels", err=True)
