"""What `--background` says: a file, or a background in the words of the API."""

from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from protocol.work import BlurBackground, ColorBackground, GradientBackground, TransparentBackground

HELP: Final = "A picture, a video, color:#rrggbb, gradient:#rrggbb,#rrggbb[,degrees], blur, blur:0..1 or transparent."
Painted = ColorBackground | GradientBackground | BlurBackground | TransparentBackground
_PAINTED: Final[TypeAdapter[Painted]] = TypeAdapter(Painted)
_SAMPLES: Final = {
    "color": "color:#20a060",
    "gradient": "gradient:#101030,#4060a0 or gradient:#101030,#4060a0,45",
    "blur": "blur or blur:0.5, from 0 to 1",
}


class NoBackground(Exception):
    """Neither a file nor a background; the sentence says why."""


def parse(text: str) -> Path | Painted:
    """A file that is there, whatever it is called, or what is painted; NoBackground."""
    path = Path(text)
    if path.is_file():
        return path
    kind, _, value = text.partition(":")
    kind = "color" if kind == "colour" else kind
    wanted = {"kind": kind, **_values(kind, value)}
    if kind not in _SAMPLES and text != "transparent":
        raise NoBackground(f"There is no background {text}: give a file, color:#rrggbb, gradient, blur or transparent.")
    try:
        return _PAINTED.validate_python(wanted)
    except ValidationError:
        raise NoBackground(f"{text} is no {kind}: it is written {_SAMPLES[kind]}.") from None


def _values(kind: str, value: str) -> dict[str, Any]:
    if kind == "color":
        return {"color": value}
    if kind == "gradient":
        start, _, rest = value.partition(",")
        end, _, angle = rest.partition(",")
        return {"colors": (start, end)} | ({"angle": angle} if angle else {})
    return {"strength": value} if kind == "blur" and value else {}
