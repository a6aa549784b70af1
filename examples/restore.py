"""Make a film old, and run the recipe `restore` on it, as `melies run restore` does."""

from _old import Old
from _sample import OUT, film

import melies
from melies.recipe import Recipe, locate


def main() -> None:
    """Write the old film and the restored one to `out/`."""
    old = melies.open(film(frames=16)).apply(Old()).save(OUT / "restore-before.mp4", overwrite=True)
    recipe = Recipe.load(locate("restore"))
    melies.open(old).apply(*recipe.effects).save(OUT / "restore-after.mp4", overwrite=True)


if __name__ == "__main__":
    main()
