"""Product photos: where they are, and each of them by its reference.

reads:  <data>/images/{train,test}/<product_id>.jpg or <data>/images.zip, <data>/images/{train,test}.zip,
        <data>/wb_school_horizcv_images.zip
A reference is "images/train/1.jpg" or "images.zip::train/1.jpg", relative to the data folder.
"""

from __future__ import annotations

import os
import stat
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import xxhash
from PIL import Image

from goods.cards.decoding import ImageProblem, decode
from goods.core.errors import GoodsError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

SPLITS = ("train", "test")

ZIPS = ("images.zip", "wb_school_horizcv_images.zip")

MAX_BYTES = 100_000_000

MIN_SIDE = 8

FEWEST_PHOTOS = 4  # cards with a photo below which nothing is learned from photos

SEPARATOR = "::"


def _id_of(name: PurePosixPath) -> int | None:
    stem = name.stem
    plain = stem.isascii() and stem.isdigit() and len(stem) <= 18
    return int(stem) if plain and name.suffix.lower() in SUFFIXES else None


def _safe_member(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if info.is_dir() or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return False
    return not stat.S_ISLNK(info.external_attr >> 16)


class ImageStore:
    """Images below one data folder; cheap to build, safe to send to other processes."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = Path(data_dir)
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"data_dir": self.data_dir}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["data_dir"])  # type: ignore[misc]

    def find(self, split: str) -> dict[int, str]:
        """product_id → reference; a folder wins over a zip, the first in sorted order over later ones."""
        if split not in SPLITS:
            raise ValueError(f"split {split!r}: expected train or test")
        found: dict[int, str] = {}
        folder = self.data_dir / "images" / split
        if folder.is_dir() and self._inside(folder):
            for entry in sorted(os.scandir(folder), key=lambda e: e.name):
                number = _id_of(PurePosixPath(entry.name))
                if number is not None and entry.is_file() and self._inside(Path(entry.path)):
                    found.setdefault(number, f"images/{split}/{entry.name}")
        for name in (*ZIPS, f"images/{split}.zip"):
            if (self.data_dir / name).is_file():
                for number, ref in self._find_in_zip(name, split):
                    found.setdefault(number, ref)
        return found

    def _inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.data_dir.resolve())

    def _find_in_zip(self, name: str, split: str) -> Iterable[tuple[int, str]]:
        other = SPLITS[1 - SPLITS.index(split)]
        for info in sorted(self._zip(name).infolist(), key=lambda i: i.filename):
            if not _safe_member(info):
                continue
            path = PurePosixPath(info.filename)
            number = _id_of(path)
            # where the zip has no train/ and test/ folders, its images serve both
            if number is not None and other not in path.parts[:-1]:
                yield number, f"{name}{SEPARATOR}{info.filename}"

    def _zip(self, name: str) -> zipfile.ZipFile:
        """One open zip per process, thread and file."""
        cached = getattr(self._local, "zips", None)
        if cached is None or self._local.pid != os.getpid():
            cached = self._local.zips = {}
            self._local.pid = os.getpid()
        if name not in cached:
            path = self.data_dir / name
            if not self._inside(path):
                raise GoodsError(f"{path}: points outside the data folder; put the zip itself there")
            try:
                cached[name] = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, OSError) as error:
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
        path = self.data_dir / ref
        if not self._inside(path):
            raise ImageProblem("unsafe path")
        return path

    def _read(self, ref: str) -> bytes:
        """The file's bytes; ImageProblem where there are none or too many."""
        try:
            if SEPARATOR in ref:
                archive, info = self._member(ref)
                if info.file_size > MAX_BYTES:
                    raise ImageProblem("file too large")
                return archive.read(info)
            path = self._path(ref)
            if path.stat().st_size > MAX_BYTES:
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
        """uint64 that changes when the image does: of name, size and modification time or CRC."""
        try:
            if SEPARATOR in ref:
                _, info = self._member(ref)
                what = f"{ref}|{info.file_size}|{info.CRC}"
            else:
                found = self._path(ref).stat()
                what = f"{ref}|{found.st_size}|{found.st_mtime_ns}"
        except (ImageProblem, OSError):
            what = f"{ref}|missing"
        return xxhash.xxh3_64_intdigest(what.encode())

    def open(self, ref: str, size: int | None = None) -> Image.Image:
        """The image, upright, RGB on white, as `decode` gives it; ImageProblem says why not."""
        return decode(self._read(ref), size)

    def check(self, ref: str) -> str | None:
        """What is wrong with the image, None if nothing."""
        try:
            image = self.open(ref)
        except ImageProblem as problem:
            return str(problem)
        except GoodsError:
            return "unreadable zip"
        if min(image.size) < MIN_SIDE:
            return f"too small ({image.width}×{image.height})"
        if all(low == high for low, high in image.getextrema()):  # type: ignore[misc]
            return "blank"
        return None

    def array(self, ref: str, size: int) -> np.ndarray:
        """uint8 [size, size, 3]; squeezed to a square, so that nothing of the product is cut off."""
        image = self.open(ref, size)
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return np.asarray(image, np.uint8)
