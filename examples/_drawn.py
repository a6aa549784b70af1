"""Pictures drawn by program, in which the automata that come with `growth` were trained: run it to write them."""

from pathlib import Path

import cv2
import numpy as np

SIDE = 96


def scales() -> np.ndarray:
    """Fish scales of green and gold."""
    big = 8 * SIDE
    image = np.zeros((big, big, 3), np.uint8)
    step, radius = 128, 76
    for row in range(big // 64 + 1, -2, -1):
        for column in range(-1, big // step + 2):
            centre = (column * step + (row % 2) * step // 2, row * 64)
            for inner, colour in (
                (1.0, (18, 40, 52)),
                (0.9, (30, 130, 110)),
                (0.62, (90, 190, 120)),
                (0.3, (240, 215, 110)),
            ):
                cv2.circle(image, centre, round(radius * inner), colour, -1, cv2.LINE_AA)
    return image


def cells() -> np.ndarray:
    """Cells with dark walls and a nucleus each, pink and violet."""
    rng = np.random.default_rng(4)
    points = np.stack(np.meshgrid(np.arange(6), np.arange(6)), -1).reshape(-1, 2) * 16 + 8 + rng.uniform(-4, 4, (36, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    away = (np.stack([x, y], -1)[:, :, None] - points + SIDE / 2) % SIDE - SIDE / 2
    near = np.sort(np.linalg.norm(away, axis=-1), axis=2)
    wall = np.clip((near[..., 1] - near[..., 0]) / 3.5, 0, 1)[..., None]
    nucleus = np.clip(3.5 - near[..., 0], 0, 1)[..., None]
    body = np.array([245, 150, 175]) * wall + np.array([70, 20, 80]) * (1 - wall)
    return (body * (1 - nucleus) + np.array([120, 30, 110]) * nucleus).astype(np.uint8)


def embers() -> np.ndarray:
    """Cracked stone with fire below."""
    rng = np.random.default_rng(9)
    points = rng.uniform(0, SIDE, (34, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    away = (np.stack([x, y], -1)[:, :, None] - points + SIDE / 2) % SIDE - SIDE / 2
    near = np.sort(np.linalg.norm(away, axis=-1), axis=2)
    heat = np.exp(-(((near[..., 1] - near[..., 0]) / 2.6) ** 2))[..., None]
    glow = np.exp(-(((near[..., 1] - near[..., 0]) / 6.0) ** 2))[..., None]
    stone = np.array([42, 34, 38]) + 10 * (rng.random(34)[np.linalg.norm(away, axis=-1).argmin(2)])[..., None]
    return np.clip(stone + np.array([190, 40, 0]) * glow + np.array([30, 160, 40]) * heat, 0, 255).astype(np.uint8)


def flower() -> np.ndarray:
    """A flower with eight petals, before nothing."""
    big = 512
    image = np.zeros((big, big, 4), np.uint8)
    for turn in range(8):
        angle = np.pi * turn / 4
        centre = (round(256 + 130 * np.cos(angle)), round(256 + 130 * np.sin(angle)))
        colour = (230, 60, 120, 255) if turn % 2 else (250, 140, 60, 255)
        cv2.ellipse(image, centre, (118, 58), np.degrees(angle), 0, 360, colour, -1, cv2.LINE_AA)
    cv2.circle(image, (256, 256), 74, (90, 40, 20, 255), -1, cv2.LINE_AA)
    cv2.circle(image, (256, 256), 46, (255, 220, 80, 255), -1, cv2.LINE_AA)
    return image


def write(folder: Path) -> dict[str, Path]:
    """Write all of them as PNG files into a folder, and return those by name."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for draw in (scales, cells, embers, flower):
        image = draw()
        if image.shape[0] > 2 * SIDE and image.shape[2] == 3:
            image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        written[draw.__name__] = folder / f"{draw.__name__}.png"
        cv2.imwrite(str(written[draw.__name__]), cv2.cvtColor(image, code))
    return written


if __name__ == "__main__":
    print(*write(Path("drawn")).values(), sep="\n")
