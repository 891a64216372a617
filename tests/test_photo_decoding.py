"""Photos of rare kinds: deep grey, odd EXIF, whatever decoders raise."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFile

from goods.cards.decoding import ImageProblem, decode
from goods.cards.images import ImageStore
from goods.cards.photos import audit

RAMP = np.linspace(0, 1, 64).reshape(8, 8)

ORIENTATION, RESOLUTION, EXPOSURE_BIAS = 0x0112, 0x011A, 0x9204

BYTE, SHORT, LONG, RATIONAL, SIGNED, SRATIONAL, FLOAT = 1, 3, 4, 5, 9, 10, 11


def encoded(pixels: np.ndarray, form: str, **options) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("white", [65535, 4095, 255])
def test_grey_of_16_bits_keeps_its_shades(form, white):
    seen = np.asarray(decode(encoded((RAMP * white).astype(np.uint16), form)))
    assert np.abs(seen - (RAMP * 255)[..., None]).max() <= 1.01


@pytest.mark.parametrize(
    "pixels",
    [
        (RAMP * 2_000_000_000).astype(np.int32),
        (RAMP * 2000 - 1000).astype(np.int32),
        RAMP.astype(np.float32),
        (RAMP * 255).astype(np.float32),
        (RAMP * 3e38).astype(np.float32),
    ],
)
def test_grey_of_32_bits_and_of_fractions_is_scaled_from_black_to_white(pixels):
    seen = np.asarray(decode(encoded(pixels, "TIFF")))
    assert np.abs(seen - (RAMP * 255)[..., None]).max() <= 1.01


def test_pixels_that_are_no_number_are_black_and_a_dark_photo_stays_dark():
    holes = np.where(RAMP > 0.5, np.nan, RAMP).astype(np.float32)
    assert np.asarray(decode(encoded(holes, "TIFF"))).max() in (126, 127, 125)
    assert np.asarray(decode(encoded(np.full((8, 8), 0.25, np.float32), "TIFF"))).tolist()[0][0] == [64] * 3


def test_a_transparent_shade_of_16_bits_is_white():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in (RAMP * 65535).astype(">u2"))
    header = struct.pack(">IIBBBBB", 8, 8, 16, 0, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        (b"tRNS", struct.pack(">H", 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    seen = np.asarray(decode(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)))
    assert seen[0, 0].tolist() == [255] * 3 and seen[0, 1].tolist() == [4] * 3


@pytest.mark.parametrize(
    ("mode", "pixel", "rgb"),
    [
        ("P", 1, (1, 1, 1)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("LA", (0, 0), (255, 255, 255)),
        ("LA", (9, 255), (9, 9, 9)),
        ("L", 130, (130, 130, 130)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
    ],
)
def test_other_modes_are_rgb_on_white(mode, pixel, rgb):
    image = Image.new(mode, (8, 8), pixel)
    if mode == "P":
        image.putpalette([i for grey in range(256) for i in (grey, grey, grey)])
    buffer = BytesIO()
    image.save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    assert decode(buffer.getvalue()).getpixel((3, 3)) == rgb


def exif(*tags: tuple[int, int, bytes]) -> bytes:
    """EXIF of tags (number, type, value); values longer than four bytes stand behind the list."""
    entries, behind = b"", b""
    start = 8 + 2 + 12 * len(tags) + 4
    for number, kind, value in tags:
        where = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", start + len(behind))
        entries += struct.pack("<HHI", number, kind, 1) + where
        behind += value if len(value) > 4 else b""
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + behind


QUARTER = (ORIENTATION, SHORT, struct.pack("<H", 6))

ODD_BUT_TURNED = {
    "rational over zero": (RESOLUTION, RATIONAL, struct.pack("<II", 1, 0)),
    "signed rational over zero": (RESOLUTION, SRATIONAL, struct.pack("<ii", -1, 0)),
    "zero over zero": (EXPOSURE_BIAS, SRATIONAL, struct.pack("<ii", 0, 0)),
    "no number": (RESOLUTION, FLOAT, struct.pack("<f", float("nan"))),
    "negative width": (0x0100, SIGNED, struct.pack("<i", -5)),
    "list of tags beyond the end": (0x8769, LONG, struct.pack("<I", 1_000_000)),
}

NO_ORIENTATION = {
    "unknown": exif((ORIENTATION, SHORT, struct.pack("<H", 99))),
    "rational over zero": exif((ORIENTATION, RATIONAL, struct.pack("<II", 0, 0))),
    "cut": exif(QUARTER)[:20],
    "none of EXIF": b"Exif\0\0garbage!",
}


def half_white(form: str, exif_bytes: bytes) -> Image.Image:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 255
    return decode(encoded(pixels, form, exif=exif_bytes))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("odd", ODD_BUT_TURNED)
def test_odd_exif_costs_nothing(form, odd):
    turned = np.asarray(half_white(form, exif(QUARTER, ODD_BUT_TURNED[odd])))
    assert (
        turned.shape == (40, 20, 3) and turned[:16].min() > 240 and turned[24:].max() < 15
    )  # left became top


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("broken", NO_ORIENTATION)
def test_a_broken_orientation_costs_the_orientation_alone(form, broken):
    assert half_white(form, NO_ORIENTATION[broken]).size == (40, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_made_upright(orientation):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:10, :20], pixels[10:, :20] = 255, 120
    flag = exif((ORIENTATION, SHORT, struct.pack("<H", orientation)))
    stored = encoded(pixels, "PNG", exif=flag)
    back = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: np.rot90,
    }
    assert np.array_equal(np.asarray(decode(stored)), back[orientation](pixels))


@pytest.mark.parametrize(
    "error", [struct.error, KeyError, IndexError, ZeroDivisionError, RecursionError, MemoryError]
)
def test_whatever_a_decoder_raises_costs_the_photo_only(tmp_path, monkeypatch, error):
    good, bad = encoded((RAMP * 255).astype(np.uint8), "PNG"), encoded((RAMP * 9).astype(np.uint8), "BMP")
    load = ImageFile.ImageFile.load

    def broken(image: ImageFile.ImageFile):
        if image.format == "BMP":
            raise error("odd bytes")
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", broken)
    (tmp_path / "1.png").write_bytes(good)
    (tmp_path / "2.bmp").write_bytes(bad)
    with pytest.raises(ImageProblem, match="broken"):
        decode(bad)
    found, problems = audit(ImageStore(tmp_path), {1: "1.png", 2: "2.bmp"})
    assert found == {1: "1.png"} and problems == [(2, f"broken ({error.__name__})")]
