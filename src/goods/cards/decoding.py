"""Bytes of a photo → image, or what is wrong with them."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError, features

MAX_PIXELS = 50_000_000  # a decompression bomb beyond; larger than any product photo

HAS_AVIF = features.check("avif")

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(["AVIF"] if HAS_AVIF else []))

SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *([".avif"] if HAS_AVIF else []),
)

# names of photos that nothing here decodes
UNKNOWN_SUFFIXES = (".heic", ".heif", ".jxl", ".jp2", *([] if HAS_AVIF else [".avif"]))

BIT_DEPTHS = (8, 12, 16)  # of grey photos whose pixels are held in more bits

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageProblem(Exception):
    """Why one image cannot be used; `audit` collects these."""


def decode(data: bytes, size: int | None = None) -> Image.Image:
    """The image, upright, RGB on white; ImageProblem says why not.

    With `size`, a JPEG is decoded at the smallest of its built-in scales that is no smaller.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise ImageProblem("too many pixels")
            if size is not None:
                image.draft("RGB", (size, size))
            image.load()
            return _on_white(_upright(image))
    except ImageProblem:
        raise
    except UnidentifiedImageError:
        raise ImageProblem("not an image") from None
    except Image.DecompressionBombError:
        raise ImageProblem("too many pixels") from None
    except Exception as error:  # decoders raise whatever broken bytes lead to
        truncated = "truncated" in str(error) or isinstance(error, EOFError)
        raise ImageProblem("truncated" if truncated else f"broken ({type(error).__name__})") from None


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF says; as it is where that is broken or says nothing."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        turn = UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    except Exception:  # a broken tag costs the orientation, not the photo
        turn = None
    return image if turn is None else image.transpose(turn)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep grey as 8-bit grey: black to white of the least bit depth that holds its pixels, of 0 … 1 for fractions,
    else darkest to lightest pixel. White where a PNG has it transparent."""
    pixels = np.nan_to_num(np.asarray(image, np.float32), posinf=0, neginf=0)
    clear = pixels == image.info["transparency"] if "transparency" in image.info else None
    low, high = pixels.min(), pixels.max()
    whites = [1.0] if image.mode == "F" and high <= 1 else [2.0**bits - 1 for bits in BIT_DEPTHS]
    white = next((white for white in whites if high <= white), None)
    if low < 0 or white is None:
        pixels, white = pixels - low, max(high - low, 1.0)
    grey = (pixels * (255 / white)).round().astype(np.uint8)
    if clear is not None:
        grey[clear] = 255
    return Image.fromarray(grey)
