"""Drawn product photos of the demo shop: a kind has a silhouette, a variant its colours and pattern."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from goods.demo.kinds import Leaf
from goods.demo.silhouettes import SILHOUETTES, parse

RGB = (
    (28, 28, 32), (240, 240, 236), (140, 142, 148), (205, 38, 44), (36, 74, 180), (120, 185, 230),
    (40, 130, 60), (240, 205, 50), (238, 140, 170), (235, 130, 30), (120, 74, 40), (222, 200, 165),
    (120, 60, 150), (30, 150, 150),
)  # fmt: skip

BACKDROPS = (
    (250, 250, 250),
    (236, 232, 226),
    (200, 212, 222),
    (188, 172, 150),
    (225, 200, 205),
    (96, 98, 104),
)

SIDES = (96, 112, 128)

PATTERNS = 5

FAVOURED, USUAL_PATTERN, WRONG_PHOTO, BADGE = 0.6, 0.8, 0.16, 0.15

MISSING, BROKEN = 0.05, 0.01


@dataclass(frozen=True, slots=True)
class Look:
    """What the photos of a leaf share: siblings have one silhouette but differ in the rest."""

    silhouette: str
    colours: tuple[int, int]
    pattern: int
    stretch: float


def look(leaf: Leaf, silhouette: str) -> Look:
    """The leaf's own look, a function of its kind and variant alone."""
    step = leaf.kind * 5 + leaf.variant * 3
    stretch = 0.78 + 0.22 * ((leaf.kind + leaf.variant * 2) % 4)
    return Look(silhouette, (step % 14, (step + 7) % 14), (leaf.kind + leaf.variant) % PATTERNS, stretch)


class Photographer:
    """Draws one card at a time; everything random comes from `rng`, so the order of calls matters."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.outlines = {name: parse(outline) for name, outline in SILHOUETTES.items()}
        self.names = list(self.outlines)
        grain = rng.normal(128, 60, (8, 160, 160, 3)).clip(0, 255).astype(np.uint8)
        self.grain = [Image.fromarray(one) for one in grain]

    def save(self, path: Path, style: Look, colour: int) -> None:
        """Write the card's photo to `path`: usually a JPEG, sometimes nothing or something broken."""
        fate = self.rng.random()
        if fate < MISSING:
            return
        if fate < MISSING + BROKEN:
            path.write_bytes(self.broken(style, colour))
        else:
            path.write_bytes(self.jpeg(self.draw(style, colour)))

    def jpeg(self, photo: Image.Image) -> bytes:
        buffer = BytesIO()
        photo.save(buffer, "JPEG", quality=70)
        return buffer.getvalue()

    def broken(self, style: Look, colour: int) -> bytes:
        """Bytes of an unusable photo: cut short, empty, text, one pixel or one colour."""
        match int(self.rng.integers(5)):
            case 0:
                whole = self.jpeg(self.draw(style, colour))
                return whole[: len(whole) // 3]
            case 1:
                return b""
            case 2:
                return "<html><body>404 Фото не найдено</body></html>".encode()
            case 3:
                return self.jpeg(Image.new("RGB", (1, 1), RGB[colour]))
            case _:
                return self.jpeg(Image.new("RGB", (96, 96), BACKDROPS[0]))

    def draw(self, style: Look, colour: int) -> Image.Image:
        """The product on a backdrop with its own position, scale, turn, light and grain."""
        u = self.rng.random(20).tolist()
        side = SIDES[int(u[0] * len(SIDES))]
        name = self.names[int(u[2] * len(self.names))] if u[1] < WRONG_PHOTO else style.silhouette
        pattern = style.pattern if u[3] < USUAL_PATTERN else int(u[4] * PATTERNS)
        backdrop = BACKDROPS[int(u[5] ** 1.7 * len(BACKDROPS))]
        light = 0.8 + 0.35 * u[6]
        shift = [24 * v - 12 for v in u[7:10]]
        main = tuple(int(min(255, max(0, c * light + s))) for c, s in zip(RGB[colour], shift, strict=True))
        dark = tuple(int(c * 0.55) for c in main)
        photo = Image.new("RGB", (side, side), backdrop)
        canvas = ImageDraw.Draw(photo)
        if u[10] < 0.3:  # a table edge behind the product
            canvas.rectangle(
                (0, int(side * (0.5 + 0.4 * u[11])), side, side), tuple(int(c * 0.86) for c in backdrop)
            )
        turn, size = (u[12] - 0.5) * 1.6, side * (0.3 + 0.6 * u[13])
        cos, sin, mirror = math.cos(turn) * size, math.sin(turn) * size, -1 if u[14] < 0.5 else 1
        wide, tall = style.stretch**0.5 * mirror, style.stretch**-0.5
        matrix = np.array([[cos * wide, sin * wide], [-sin * tall, cos * tall]])
        offset = side * (0.5 + 0.36 * (np.array(u[15:17]) - 0.5))

        mask = Image.new("L", (side, side))
        stencil = ImageDraw.Draw(mask)
        details = []
        for op, points in self.outlines[name]:
            flat = (points @ matrix + offset).ravel().tolist()
            if op == "+":
                details.append(flat)
            else:
                stencil.polygon(flat, 0 if op == "-" else 255)
        canvas.bitmap((side // 32, side // 32), mask, tuple(int(c * 0.75) for c in backdrop))
        photo.paste(self.fabric(side, main, pattern), (0, 0), mask)
        for flat in details:
            canvas.polygon(flat, dark)
        if u[17] < BADGE:
            canvas.rectangle((2, 2, side * 0.4, side * 0.16), RGB[3])
            canvas.text((4, 2), "SALE", RGB[1])
        left, top = int(u[18] * 32), int(u[19] * 32)
        grain = self.grain[int(u[19] * 8)].crop((left, top, left + side, top + side))
        return Image.blend(photo, grain, 0.04 + 0.24 * u[18])

    def fabric(self, side: int, main: tuple[int, ...], pattern: int) -> Image.Image:
        """A sheet of the product's colour: plain, across, upright, dotted or halved."""
        sheet = Image.new("RGB", (side, side), main)
        if pattern == 0:
            return sheet
        accent = tuple(c + 70 if sum(main) < 380 else c - 70 for c in main)
        accent = tuple(min(255, max(0, c)) for c in accent)
        canvas, step = ImageDraw.Draw(sheet), side // 9
        if pattern == 4:
            canvas.rectangle((0, side // 2, side, side), accent)
        for k in range(0, side, step):
            if pattern == 1:
                canvas.rectangle((0, k, side, k + step // 3), accent)
            elif pattern == 2:
                canvas.rectangle((k, 0, k + step // 3, side), accent)
            elif pattern == 3:
                for j in range(0, side, step):
                    canvas.rectangle((k, j, k + step // 3, j + step // 3), accent)
        return sheet
