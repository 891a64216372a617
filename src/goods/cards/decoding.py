"""Bytes of a photo → image, or what is wrong with them."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 50_000_000  # a decompression bomb beyond; larger than any product photo


class ImageProblem(Exception):
    """Why one image cannot be used; `audit` collects these."""


def decode(data: bytes, size: int | None = None) -> Image.Image:
    """The image, upright, RGB on white; ImageProblem says why not.

    With `size`, a JPEG is decoded at the smallest of its built-in scales that is no smaller.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "GIF", "BMP"))
            if image.width * image.height > MAX_PIXELS:
                raise ImageProblem("too many pixels")
            if size is not None:
                image.draft("RGB", (size, size))
            image.load()
            upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise ImageProblem("not an image") from None
    except Image.DecompressionBombError:
        raise ImageProblem("too many pixels") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, TypeError, AttributeError) as error:
        truncated = "truncated" in str(error) or isinstance(error, EOFError)
        raise ImageProblem("truncated" if truncated else f"broken ({type(error).__name__})") from None
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return upright.convert("RGB")
