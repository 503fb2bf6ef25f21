"""Pictures: JPEG, PNG and WebP in, upright and bounded; PNG, WebP and JPEG out."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.errors import MediaTooLarge, NotAnImage
from interface_node.pipeline.picture_header import JPEG_MAGIC, picture_size
from protocol.work import ImageFormat

MAX_PIXELS: Final = 64_000_000
SUFFIXES: Final[dict[ImageFormat, str]] = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
QUALITY: Final[dict[ImageFormat, list[int]]] = {
    "png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    "webp": [cv2.IMWRITE_WEBP_QUALITY, 92],
    "jpeg": [cv2.IMWRITE_JPEG_QUALITY, 92],
}


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The picture at `path` as `uint8 [h, w, 3 or 4]`, RGB or RGBA, upright by its EXIF orientation.

    NotAnImage when it is no JPEG, PNG or WebP or cannot be decoded; MediaTooLarge above 64 megapixels, which is read
    from the header before a single pixel is.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotAnImage(f"{path.name} cannot be read: {error.strerror}") from error
    width, height = picture_size(data)
    if width * height > MAX_PIXELS:
        raise MediaTooLarge(f"{width} x {height} pixels, at most {MAX_PIXELS // 1_000_000} megapixels")
    return decode_picture(data, path.name)


def decode_picture(data: bytes, name: str) -> NDArray[np.uint8]:
    """Bytes of a picture -> `uint8 [h, w, 3 or 4]`, RGB or RGBA, upright."""
    raw = np.frombuffer(data, np.uint8)
    try:
        # EXIF orientation is applied to colour alone, so alpha is read apart, and only where there can be some.
        pixels = cv2.imdecode(raw, cv2.IMREAD_COLOR_RGB)
        whole = None if data.startswith(JPEG_MAGIC) else cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise NotAnImage(f"{name} cannot be decoded: {error.err}") from error
    if pixels is None:
        raise NotAnImage(f"{name} cannot be decoded")
    rgb = np.asarray(pixels, np.uint8)
    if whole is None or whole.ndim != 3 or whole.shape[2] != 4 or whole.shape[:2] != rgb.shape[:2]:
        return rgb
    shift = 256 if whole.dtype == np.uint16 else 1
    return np.dstack([rgb, (whole[:, :, 3] // shift).astype(np.uint8)])


def encode_picture(pixels: NDArray[np.uint8], kind: ImageFormat) -> bytes:
    """`uint8 [h, w]` grey, `[h, w, 3]` RGB or `[h, w, 4]` RGBA -> the bytes of a file; JPEG has no alpha to give."""
    if pixels.ndim == 3:
        pixels = pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]
    done, data = cv2.imencode(SUFFIXES[kind], np.ascontiguousarray(pixels), QUALITY[kind])
    if not done:
        raise NotAnImage(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels does not fit into {kind}")
    return data.tobytes()
