"""Each product photo by its reference: "images/train/1.jpg" or "images.zip::train/1.jpg", relative to the data folder.

Links of the data folder are followed wherever they lead; a reference itself never climbs out, nor does a zip's member.
"""

from __future__ import annotations

import os
import stat
import threading
import zipfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import xxhash
from PIL import Image

from goods.cards.decoding import ImageProblem, decode
from goods.core.errors import GoodsError

MAX_BYTES = 100_000_000

MIN_SIDE = 8

CHECKED = 64  # pixels that a side is decoded to, at least, to see whether the image can be

FEWEST_PHOTOS = 4  # cards with a photo below which nothing is learned from photos

UTF8_FLAG = 0x800  # of a zip's member: its name is UTF-8
SEPARATOR = "::"


def _stays_below(path: PurePosixPath) -> bool:
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _safe_member(info: zipfile.ZipInfo) -> bool:
    if not info.filename:
        return False
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if info.is_dir() or not _stays_below(path) or ":" in path.parts[0]:
        return False
    return not stat.S_ISLNK(info.external_attr >> 16)


def meant_as(info: zipfile.ZipInfo) -> list[str]:
    """The name of a zip's member, and what it is in the encodings that zips are written in without saying so, the
    likeliest last: Windows writes Russian names in cp866, some tools write UTF-8 without its flag."""
    found = [info.filename]
    if not info.filename.isascii() and not info.flag_bits & UTF8_FLAG:
        for encoding in ("cp866", "utf-8"):
            with suppress(UnicodeError):
                found.append(info.filename.encode("cp437").decode(encoding))
    return found


class ImageStore:
    """Images below one data folder; cheap to build, safe to send to other processes."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = Path(data_dir)
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"data_dir": self.data_dir}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["data_dir"])  # type: ignore[misc]

    def members(self, name: str) -> dict[str, list[str]]:
        """Names in the zip `name`, without links and what would climb out of it, each with what it may be meant as;
        GoodsError if it cannot be read."""
        return {info.filename: meant_as(info) for info in self._zip(name).infolist() if _safe_member(info)}

    def _zip(self, name: str) -> zipfile.ZipFile:
        """One open zip per process, thread and file."""
        cached = getattr(self._local, "zips", None)
        if cached is None or self._local.pid != os.getpid():
            cached = self._local.zips = {}
            self._local.pid = os.getpid()
        if name not in cached:
            path = self._path(name)
            try:
                cached[name] = zipfile.ZipFile(path)
            except Exception as error:  # struct.error and the like, besides BadZipFile
                raise GoodsError(f"{path}: not a readable zip ({error}); download it again") from None
        return cached[name]

    def _member(self, ref: str) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
        name, _, member = ref.partition(SEPARATOR)
        archive = self._zip(name)
        try:
            info = archive.getinfo(member)
        except KeyError:
            raise ImageProblem("missing") from None
        if not _safe_member(info):
            raise ImageProblem("unsafe path")
        return archive, info

    def _path(self, ref: str) -> Path:
        if not _stays_below(PurePosixPath(ref)):
            raise ImageProblem("unsafe path")
        return self.data_dir / ref

    def _read(self, ref: str) -> bytes:
        """The file's bytes; ImageProblem where there are none or too many."""
        try:
            if SEPARATOR in ref:
                archive, info = self._member(ref)
                if info.file_size > MAX_BYTES:
                    raise ImageProblem("file too large")
                return archive.read(info)
            path = self._path(ref)
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise ImageProblem("not a file")
            if found.st_size > MAX_BYTES:
                raise ImageProblem("file too large")
            return path.read_bytes()
        except FileNotFoundError:
            raise ImageProblem("missing") from None
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as error:
            raise ImageProblem(f"unreadable ({type(error).__name__})") from None
        except ImageProblem:
            raise
        except Exception as error:
            raise ImageProblem(f"unreadable ({type(error).__name__})") from None  # zlib.error and the like

    def fingerprint(self, ref: str) -> int:
        """uint64 that changes when the image does: of name and size, with times and inode or CRC."""
        try:
            if SEPARATOR in ref:
                _, info = self._member(ref)
                what = f"{ref}|{info.file_size}|{info.CRC}"
            else:
                found = self._path(ref).stat()
                stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
                what = f"{ref}|{stamp}"
        except (ImageProblem, OSError, ValueError):
            what = f"{ref}|missing"
        return xxhash.xxh3_64_intdigest(what.encode())

    def checksum(self, ref: str) -> tuple[int, int]:
        """Size and CRC of a photo in a zip: equal for equal bytes; ImageProblem, OSError where there is none."""
        _, info = self._member(ref)
        return info.file_size, info.CRC

    def open(self, ref: str, size: int | None = None) -> Image.Image:
        """The image, upright, RGB on white, as `decode` gives it; ImageProblem says why not."""
        return decode(self._read(ref), size)

    def check(self, ref: str) -> str | None:
        """What is wrong with the image, None if nothing."""
        try:
            # all bytes are read at any scale, and what differs in the small one differs in the whole one
            image = self.open(ref, CHECKED)
            if is_blank(image):
                image = self.open(ref)
        except ImageProblem as problem:
            return str(problem)
        except GoodsError:
            return "unreadable zip"
        if min(image.size) < MIN_SIDE:
            return f"too small ({image.width}×{image.height})"
        return "blank" if is_blank(image) else None

    def array(self, ref: str, size: int) -> np.ndarray:
        """uint8 [size, size, 3]; squeezed to a square, so that nothing of the product is cut off."""
        image = self.open(ref, size)
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return np.asarray(image, np.uint8)


def is_blank(image: Image.Image) -> bool:
    """Whether an RGB image is of one colour."""
    return all(low == high for low, high in image.getextrema())  # type: ignore[misc]
