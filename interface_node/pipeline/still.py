"""Pictures: JPEG, PNG and WebP in, upright and bounded; PNG, WebP and JPEG out."""

from pathlib import Path
from typing import Final, Literal

import av.error
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.errors import BrokenMedia, MediaTooLarge, NotAnImage
from interface_node.pipeline.colour_profile import to_srgb
from interface_node.pipeline.frames import coloured
from interface_node.pipeline.picture_header import JPEG_MAGIC, picture_size
from interface_node.pipeline.picture_metadata import read_metadata
from protocol.work import ImageFormat

MAX_PIXELS: Final = 64_000_000
SUFFIXES: Final[dict[ImageFormat, str]] = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
KINDS: Final[dict[str, ImageFormat]] = {".png": "png", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg"}
QUALITY: Final[dict[ImageFormat, list[int]]] = {
    "png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    "webp": [cv2.IMWRITE_WEBP_QUALITY, 92],
    "jpeg": [cv2.IMWRITE_JPEG_QUALITY, 92],
}


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The picture at `path` as `uint8 [h, w, 3 or 4]`, RGB or RGBA, upright by its EXIF orientation and in
    sRGB.

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
    """Bytes of a picture -> `uint8 [h, w, 3 or 4]`, RGB or RGBA, upright and in sRGB.

    Deeper than 8 bits, grey and palettes become 8 bits of RGB; inks are mixed plainly, without their profile.
    NotAnImage where they are counted in a way that nobody says.
    """
    told = read_metadata(data)
    if told.inks == 4 and not told.adobe:
        raise NotAnImage(f"{name} has four inks and does not say how they are counted; save it as RGB")
    raw = np.frombuffer(data, np.uint8)
    try:
        pixels = cv2.imdecode(raw, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
        # Alpha is read apart, as it lies too, and only where there can be some.
        whole = None if data.startswith(JPEG_MAGIC) else cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise NotAnImage(f"{name} cannot be decoded: {error.err}") from error
    if pixels is None:
        raise NotAnImage(f"{name} cannot be decoded")
    rgb = np.asarray(pixels, np.uint8)
    if told.inks != 4:
        rgb = to_srgb(rgb, told.profile)
    if whole is not None and whole.ndim == 3 and whole.shape[2] == 4 and whole.shape[:2] == rgb.shape[:2]:
        shift = 256 if whole.dtype == np.uint16 else 1
        rgb = np.dstack([rgb, (whole[:, :, 3] // shift).astype(np.uint8)])
    return np.ascontiguousarray(_upright(rgb, told.orientation))


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """EXIF's eight: each of four turns, also mirrored."""
    turned = pixels if orientation < 5 else pixels.transpose(1, 0, 2)
    upside_down, mirrored = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return turned[:: -1 if upside_down else 1, :: -1 if mirrored else 1]


def picture_of(frame: VideoFrame, pixels: Literal["rgb24", "rgba"] = "rgb24", quarters: int = 0) -> NDArray[np.uint8]:
    """A frame of a video as `uint8 [h, w, 3 or 4]`, turned by so many quarters counter-clockwise.

    BrokenMedia for one that is tagged with what nobody can convert from.
    """
    try:
        stored = coloured(frame).to_ndarray(format=pixels)
    except (av.error.FFmpegError, ValueError) as error:
        raise BrokenMedia(f"a {frame.format.name} frame of {frame.width} x {frame.height} cannot be used") from error
    return np.ascontiguousarray(np.rot90(stored, quarters), dtype=np.uint8)


def encode_picture(pixels: NDArray[np.uint8], kind: ImageFormat) -> bytes:
    """`uint8 [h, w]` grey, `[h, w, 3]` RGB or `[h, w, 4]` RGBA -> the bytes of a file; JPEG has no alpha to give."""
    if pixels.ndim == 3:
        pixels = pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]
    done, data = cv2.imencode(SUFFIXES[kind], np.ascontiguousarray(pixels), QUALITY[kind])
    if not done:
        raise NotAnImage(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels does not fit into {kind}")
    return data.tobytes()
