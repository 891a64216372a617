"""Drawn product photos of the demo shop: a kind has a silhouette, a variant its colours and pattern."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from goods.demo.words import Leaf

# Polygons on a 100×100 grid, "o" an ellipse (cx,cy,rx,ry); "-" cuts a hole, "+" draws a darker detail.
SILHOUETTES = {
    "ankle": "30,20 52,20 54,55 85,65 88,80 28,80;+28,76 88,76 88,82 28,82",
    "backpack": "o50,30,26,20;24,30 76,30 80,88 20,88;+32,58 68,58 68,80 32,80;+44,8 56,8 56,14 44,14",
    "bag": "15,42 85,42 92,88 8,88;o50,42,24,28;-o50,42,17,21;+8,56 92,56 92,60 8,60",
    "ball": "o50,50,38,38;+o50,50,12,12;+o26,34,7,7;+o74,34,7,7;+o34,78,7,7;+o68,78,7,7",
    "bear": "o50,32,22,20;o31,15,9,9;o69,15,9,9;o50,68,26,26;o22,60,10,8;o78,60,10,8;+o43,29,3,3;+o57,29,3,3",
    "belt": "5,42 95,42 95,58 5,58;+5,36 24,36 24,64 5,64;-10,43 19,43 19,57 10,57",
    "blanket": "10,30 90,24 94,80 14,86;+10,42 91,36 92,40 11,46",
    "board": "14,30 70,30 70,78 14,78;70,48 94,48 94,60 70,60;-o88,54,3,3",
    "book": "22,10 78,10 78,90 22,90;+22,10 30,10 30,90 22,90;+40,24 70,24 70,32 40,32",
    "boot": "34,6 60,6 58,62 86,74 88,88 32,88;+32,84 88,84 88,90 32,90",
    "bottle": "42,6 58,6 58,26 66,38 66,94 34,94 34,38 42,26;+41,4 59,4 59,13 41,13",
    "bowl": "8,44 92,44 76,82 24,82;+8,40 92,40 92,47 8,47",
    "box": "12,34 88,34 84,84 16,84;+8,26 92,26 92,36 8,36",
    "bricks": "10,52 48,52 48,86 10,86;52,52 90,52 90,86 52,86;"
    "30,18 70,18 70,50 30,50;+36,11 46,11 46,18 36,18;+54,11 64,11 64,18 54,18",
    "brush": "45,44 55,44 57,96 43,96;+36,6 64,6 60,44 40,44",
    "cable": "o50,52,34,34;-o50,52,28,28;+44,6 56,6 56,24 44,24;+78,44 94,44 94,58 78,58",
    "camera": "o50,38,30,30;46,66 54,66 54,84 46,84;28,84 72,84 72,92 28,92;+o50,38,14,14",
    "candle": "36,34 64,34 64,92 36,92;+48,26 52,26 52,34 48,34;o50,18,5,9",
    "cap": "o46,52,32,30;46,56 96,60 94,68 46,66;-0,66 100,66 100,100 0,100;+o46,24,4,3",
    "car": "6,54 24,50 34,30 70,30 82,50 95,54 95,72 6,72;+o26,74,11,11;+o76,74,11,11",
    "case": "30,6 70,6 74,10 74,90 70,94 30,94 26,90 26,10;-o38,18,7,7",
    "chair": "30,8 70,8 70,54 30,54;26,54 74,54 74,62 26,62;28,62 34,62 34,96 28,96;66,62 72,62 72,96 66,96",
    "charger": "28,30 72,30 72,86 28,86;+38,12 44,12 44,30 38,30;+56,12 62,12 62,30 56,30",
    "clock": "o50,50,42,42;+48,22 52,22 52,52 48,52;+50,48 72,58 71,62 49,52;-o50,14,2,2",
    "comb": "10,32 90,32 90,46 10,46;"
    + ";".join(f"{x},46 {x + 5},46 {x + 5},72 {x},72" for x in range(10, 90, 9)),
    "curtain": "4,8 96,8 96,13 4,13;10,13 44,13 34,50 40,92 10,92;90,13 56,13 66,50 60,92 90,92",
    "doll": "o50,20,15,15;40,34 60,34 78,80 22,80;40,80 46,80 46,96 40,96;54,80 60,80 60,96 54,96;"
    "+35,8 65,8 62,16 38,16",
    "dress": "38,8 44,18 56,18 62,8 62,40 86,92 14,92 38,40;+37,40 63,40 64,45 36,45",
    "drill": "14,24 70,24 70,48 14,48;30,48 50,48 46,90 26,90;+70,32 94,35 94,39 70,42",
    "dropper": "30,46 70,46 70,92 30,92;44,34 56,34 56,46 44,46;+o50,20,9,15",
    "dumbbell": "24,44 76,44 76,56 24,56;8,24 26,24 26,76 8,76;74,24 92,24 92,76 74,76",
    "flashlight": "10,42 60,42 60,58 10,58;60,42 84,30 84,70 60,58;+84,30 90,30 90,70 84,70",
    "glasses": "o27,50,20,17;o73,50,20,17;44,45 56,45 56,50 44,50;-o27,50,14,11;-o73,50,14,11;"
    "+4,42 12,42 12,46 4,46",
    "glove": "32,40 70,40 72,90 34,90;o51,36,19,28;14,44 24,38 38,60 34,72;+33,80 72,80 72,84 33,84",
    "hammer": "44,30 56,30 58,96 42,96;+22,12 78,12 78,34 22,34",
    "hat": "o50,56,32,42;-0,74 100,74 100,100 0,100;+16,66 84,66 84,80 16,80;o50,11,9,9",
    "headphones": "o50,48,40,40;-o50,50,32,34;-0,60 100,60 100,100 0,100;+8,52 26,52 26,86 8,86;"
    "+74,52 92,52 92,86 74,86",
    "heel": "8,30 26,26 60,62 92,70 92,80 54,80 28,52 24,88 18,88 14,50",
    "jacket": "34,10 66,10 92,26 96,80 80,80 76,40 76,90 24,90 24,40 20,80 4,80 8,26;"
    "+48,10 52,10 52,90 48,90",
    "jar": "18,38 82,38 78,88 22,88;+16,22 84,22 84,38 16,38",
    "keyboard": "4,34 96,34 96,70 4,70;+10,40 90,40 90,45 10,45;+10,49 90,49 90,54 10,54;"
    "+28,58 72,58 72,64 28,64",
    "knife": "4,46 58,38 62,54 20,56;+62,42 96,42 96,54 62,54",
    "lamp": "34,8 66,8 84,48 16,48;47,48 53,48 53,86 47,86;+30,86 70,86 70,93 30,93",
    "lipstick": "40,20 60,8 60,46 40,46;+34,46 66,46 66,94 34,94",
    "marker": "38,30 62,30 62,96 38,96;42,14 58,14 62,30 38,30;+46,4 54,4 56,14 44,14",
    "mouse": "o50,54,26,36;+48,18 52,18 52,48 48,48;+o50,36,4,7",
    "mug": "22,22 68,22 66,86 24,86;o70,52,20,20;-o70,52,12,12;+22,22 68,22 68,27 22,27",
    "overall": "32,6 40,6 42,26 58,26 60,6 68,6 72,50 76,95 56,95 50,60 44,95 24,95 28,50;"
    "+40,32 60,32 60,46 40,46",
    "pan": "o36,50,32,32;+o36,50,22,22;64,45 98,45 98,55 64,55",
    "pen": "46,14 54,14 54,86 50,97 46,86;+46,8 54,8 54,34 46,34",
    "phone": "28,6 72,6 72,94 28,94;+32,14 68,14 68,84 32,84",
    "pillow": "8,28 50,34 92,28 86,52 92,78 50,72 8,78 14,52",
    "plate": "o50,50,42,42;+o50,50,26,26;-o50,50,2,2",
    "polish": "28,52 72,52 76,94 24,94;+40,8 60,8 58,52 42,52",
    "pot": "18,36 82,36 80,84 20,84;4,44 18,44 18,52 4,52;82,44 96,44 96,52 82,52;"
    "+16,28 84,28 84,36 16,36;o50,24,6,5",
    "powerbank": "24,14 76,14 76,88 24,88;+44,76 56,76 56,82 44,82;+34,22 66,22 66,26 34,26",
    "puzzle": "16,30 40,30 60,30 84,30 84,90 16,90;o50,26,10,10;-o50,88,10,10;-o18,60,9,9;o86,60,9,9",
    "pyramid": "o50,80,40,9;o50,63,32,8;o50,47,25,8;o50,31,18,7;+o50,16,8,8",
    "ring": "o50,50,38,38;-o50,50,27,27;+o50,15,8,6",
    "rod": "6,92 12,96 96,8 94,6;+10,84 30,64 36,70 16,90;o40,70,7,7",
    "roll": "10,36 80,36 80,68 10,68;o80,52,12,16;+o80,52,6,9",
    "sachet": "20,10 80,10 76,50 80,90 20,90 24,50;+20,10 80,10 80,18 20,18;+o50,54,15,18",
    "sandal": "6,70 94,70 94,80 6,80;20,70 30,44 38,44 34,70;54,70 66,50 82,60 86,70",
    "screwdriver": "46,46 54,46 54,96 46,96;+38,4 62,4 60,46 40,46",
    "shampoo": "30,34 70,34 72,94 28,94;46,18 54,18 54,34 46,34;+36,10 62,10 62,18 36,18",
    "shelf": "8,10 92,10 92,17 8,17;8,46 92,46 92,53 8,53;8,83 92,83 92,90 8,90;8,10 14,10 14,90 8,90;"
    "86,10 92,10 92,90 86,90",
    "shirt": "34,10 50,20 66,10 94,24 98,70 86,72 76,38 76,90 24,90 24,38 14,72 2,70 6,24;"
    "+49,20 51,20 51,90 49,90",
    "shorts": "20,22 80,22 88,76 56,76 50,48 44,76 12,76;+20,22 80,22 80,29 20,29",
    "skirt": "34,16 66,16 88,86 12,86;+34,16 66,16 68,24 32,24",
    "slipper": "o50,66,42,15;o68,54,24,20;+o28,64,14,7",
    "sneaker": "8,34 34,36 58,54 90,60 94,78 6,78;+5,72 95,72 95,82 5,82;+40,46 56,56 54,60 38,50",
    "sock": "34,6 60,6 60,52 84,74 76,92 36,70;+34,6 60,6 60,15 34,15",
    "sofa": "14,20 86,20 86,56 14,56;6,44 24,44 24,82 6,82;76,44 94,44 94,82 76,82;"
    "20,56 80,56 80,78 20,78;+12,82 20,82 20,92 12,92",
    "speaker": "26,6 74,6 74,94 26,94;+o50,64,18,18;+o50,28,9,9",
    "stand": "40,20 62,20 72,74 50,74;20,74 88,74 88,86 20,86;+34,60 56,60 56,66 34,66",
    "suitcase": "20,26 80,26 80,88 20,88;38,6 44,6 44,26 38,26;56,6 62,6 62,26 56,26;"
    "38,6 62,6 62,11 38,11;+o30,92,5,5;+o70,92,5,5",
    "sweater": "36,12 64,12 94,30 98,82 82,82 76,46 76,88 24,88 18,82 2,82 6,30;+24,80 76,80 76,88 24,88;"
    "+36,12 64,12 60,20 40,20",
    "table": "6,34 94,34 94,44 6,44;14,44 21,44 21,92 14,92;79,44 86,44 86,92 79,92",
    "tent": "50,14 96,86 4,86;+50,40 64,86 36,86",
    "thermos": "34,24 66,24 68,94 32,94;+36,6 64,6 66,24 34,24;66,40 78,44 78,74 66,78",
    "towel": "28,8 72,8 72,92 28,92;+28,72 72,72 72,78 28,78;+28,82 72,82 72,84 28,84",
    "trousers": "30,8 70,8 76,94 56,94 50,36 44,94 24,94;+30,8 70,8 70,14 30,14",
    "tshirt": "34,14 42,20 58,20 66,14 94,32 84,50 74,44 74,90 26,90 26,44 16,50 6,32",
    "tube": "30,6 70,6 62,76 38,76;+40,76 60,76 60,94 40,94",
    "vase": "40,8 60,8 58,28 76,56 66,92 34,92 24,56 42,28",
    "wallet": "10,28 90,28 90,78 10,78;+60,46 92,46 92,60 60,60",
    "watch": "o50,50,24,24;38,4 62,4 60,28 40,28;40,72 60,72 62,96 38,96;+o50,50,17,17",
    "wrench": "42,30 58,30 58,84 42,84;o50,20,20,18;-42,0 58,0 58,20 42,20;o50,86,14,12;-o50,88,6,6",
}

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


def parse(outline: str) -> list[tuple[str, np.ndarray]]:
    """Parts of a silhouette as (op, points float64 [n, 2] centred on 0), op one of "", "-", "+"."""
    parts = []
    for part in outline.split(";"):
        op = part[0] if part[0] in "+-" else ""
        body = part.removeprefix(op)
        if body.startswith("o"):
            cx, cy, rx, ry = map(float, body[1:].split(","))
            angles = np.linspace(0, 2 * math.pi, 18, endpoint=False)
            points = np.stack([cx + rx * np.cos(angles), cy + ry * np.sin(angles)], axis=1)
        else:
            points = np.array([[float(v) for v in point.split(",")] for point in body.split()])
        parts.append((op, points / 100 - 0.5))
    return parts


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
