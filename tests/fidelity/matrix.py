"""The clips that fidelity is judged by: every kind of codec, container, rate, turn, colour, depth, sound and size once
at least, in combinations that cameras and editors make. A row is small, so that all of them take less than a minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

from tests import clips, odd_clips
from tests.clips import Clip

Codec = Literal["h264", "hevc", "av1"]
FRAMES: Final = 10
BT601: Final = (1, 6, 6, 6)
BT470: Final = (1, 5, 5, 5)
BT709: Final = (1, 1, 1, 1)
FULL709: Final = (2, 1, 1, 1)
FULL601: Final = (2, 6, 6, 6)
BT2020: Final = (1, 9, 9, 14)
PQ: Final = (1, 9, 9, 16)
HLG: Final = (1, 9, 9, 18)
SMPTE240: Final = (1, 7, 7, 7)
NTSC: Final = Fraction(1001, 30_000)
FILM: Final = Fraction(1001, 24_000)
DOUBLE: Final = Fraction(1001, 60_000)
MILLISECOND: Final = Fraction(1, 1000)
TRANSPORT: Final = Fraction(1, 90_000)


@dataclass(frozen=True)
class Row:
    """One clip and the codec of its composite. `file` names it and its container; `clip` is what to write, the name of
    an odd clip, or arguments of the ffmpeg program. `level` is the least PSNR of the composite in decibel, 0 where the
    picture is meant to change. `graded` says that it names a mastering display and light levels."""

    file: str
    clip: Clip | str
    codec: Codec = "h264"
    level: float = 42.0
    graded: bool = False

    @property
    def name(self) -> str:
        """For test reports."""
        return f"{self.file}-{self.codec}"

    def write(self, folder: Path) -> Path:
        """The source."""
        if isinstance(self.clip, str) and " " in self.clip:
            return odd_clips.encode(folder / self.file, self.clip, seconds=1)
        if isinstance(self.clip, str):
            return odd_clips.write(folder, self.clip, seconds=4)
        return clips.write(folder / self.file, self.clip)


def _clip(**changes: Any) -> Clip:
    return Clip(frames=FRAMES, **changes)


def uneven(ticks: Sequence[int]) -> list[int]:
    """Times of a variable rate: the gaps come round and round."""
    return [sum(ticks[place % len(ticks)] for place in range(number)) for number in range(FRAMES)]


DEEP: Final = "yuv420p10le"
_FIELDS: Final = "-vf interlace=scan=tff -c:v libx264 -preset ultrafast -flags +ilme+ildct -pix_fmt yuv420p -c:a aac"
_TWO_SOUNDS: Final = "-map 0:v -map 1:a -map 1:a -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a:0 aac -c:a:1 ac3"
_LATE_SOUND: Final = "-af asetpts=PTS+0.3/TB -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a libmp3lame"
_DISPLAY: Final = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
_GRADED: Final = (
    "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -color_range tv -colorspace bt2020nc -color_primaries bt2020"
    f" -color_trc smpte2084 -x265-params log-level=none:repeat-headers=1:master-display={_DISPLAY}:max-cll=1000,400 -an"
)
ROWS: Final = (
    # codecs and containers
    Row("x264.mp4", _clip(audio="aac")),
    Row("x264.mov", _clip(audio="aac"), "hevc"),
    Row("x264.mkv", _clip(audio="libopus"), "av1"),
    Row("x264.ts", _clip(audio="aac")),
    Row("x265.mp4", _clip(codec="libx265"), "hevc"),
    Row("x265.mkv", _clip(codec="libx265", audio="flac")),
    Row("svt.mp4", _clip(codec="libsvtav1"), "av1"),
    Row("svt.mkv", _clip(codec="libsvtav1", audio="libopus")),
    Row("vp9.webm", _clip(codec="libvpx-vp9", audio="libopus"), "av1"),
    Row("mpeg2.ts", _clip(codec="mpeg2video", audio="mp2", rate=25)),
    Row("mpeg4.avi", _clip(codec="mpeg4", bframes=0, audio="mp2")),
    Row("mjpeg.mov", _clip(codec="mjpeg", pixels="yuvj420p", audio="pcm_s16le"), "hevc"),
    Row("prores.mov", _clip(codec="prores_ks", pixels="yuv422p10le", audio="pcm_s16le"), "hevc"),
    Row("ffv1.mkv", _clip(codec="ffv1", audio="flac"), "av1"),
    # rates
    Row("ntsc.mp4", _clip(time_base=NTSC, rate=30, audio="aac")),
    Row("film.mp4", _clip(time_base=FILM, rate=24), "hevc"),
    Row("double.mov", _clip(time_base=DOUBLE, rate=60), "av1"),
    Row("slow.mp4", _clip(rate=10)),
    Row("vfr.mp4", _clip(stamps=uneven([33, 40, 17, 100, 250, 8]), time_base=MILLISECOND, audio="aac")),
    Row("vfr.mkv", _clip(stamps=uneven([33, 40, 17, 100, 250, 8]), time_base=MILLISECOND), "hevc"),
    Row("vfr.ts", _clip(stamps=uneven([3003, 3600, 1501, 9000]), time_base=TRANSPORT, audio="aac"), "av1"),
    Row("vfr-fine.mov", _clip(stamps=uneven([3003, 1, 3600, 9000]), time_base=TRANSPORT)),
    # turned pictures
    Row("turned-90.mp4", _clip(rotation=90)),
    Row("turned-180.mov", _clip(rotation=180), "hevc"),
    Row("turned-270.mp4", _clip(rotation=-90, audio="aac"), "av1"),
    Row("turned-odd.mkv", _clip(rotation=90, width=161, height=97, codec="ffv1")),
    # colours
    Row("601.mp4", _clip(colour=BT601)),
    Row("470.mp4", _clip(colour=BT470), "hevc"),
    Row("709.mp4", _clip(colour=BT709), "av1"),
    Row("709-full.mp4", _clip(colour=FULL709, pixels="yuvj420p")),
    Row("709-full.mov", _clip(colour=FULL709, pixels="yuvj420p"), "hevc"),
    Row("601-full.mkv", _clip(colour=FULL601, pixels="yuvj420p"), "av1"),
    Row("240.mp4", _clip(colour=SMPTE240), "hevc"),
    Row("2020.mp4", _clip(colour=BT2020, pixels=DEEP, codec="libx265"), "hevc"),
    # ten bits and HDR
    Row("pq.mp4", _clip(colour=PQ, pixels=DEEP, codec="libx265", audio="aac"), "hevc"),
    Row("pq.mkv", _clip(colour=PQ, pixels=DEEP, codec="libx265"), "av1"),
    Row("hlg.mov", _clip(colour=HLG, pixels=DEEP, codec="libx265"), "hevc"),
    Row("hlg.mp4", _clip(colour=HLG, pixels=DEEP, codec="libx265")),
    Row("deep.mp4", _clip(colour=BT709, pixels=DEEP)),
    Row("deep-odd.mkv", _clip(pixels=DEEP, codec="ffv1", width=161, height=97), "av1"),
    # 4:2:2, 4:4:4, RGB and alpha
    Row("422.mp4", _clip(pixels="yuv422p", colour=BT709)),
    Row("444.mp4", _clip(pixels="yuv444p", colour=BT709), "hevc"),
    Row("422-deep.mov", _clip(codec="prores_ks", pixels="yuv422p10le", colour=BT709), "av1"),
    Row("444-full.mkv", _clip(pixels="yuvj444p", colour=FULL709), "hevc"),
    Row("twelve.mkv", _clip(codec="libx265", pixels="yuv420p12le", colour=BT709), "hevc"),
    # grey
    Row("grey.mp4", _clip(codec="libx265", pixels="gray", colour=BT709)),
    Row("grey-odd.mkv", _clip(codec="ffv1", pixels="gray", colour=BT709, width=161, height=97), "av1"),
    Row("grey-full.mkv", _clip(codec="ffv1", pixels="gray", colour=FULL709), "hevc"),
    Row("grey-deep.mp4", _clip(codec="libx265", pixels="gray10le", colour=BT709), "hevc"),
    Row("grey-twelve.mkv", _clip(codec="libx265", pixels="gray12le", colour=BT709), "av1"),
    # odd sizes, pixels that are not square
    Row("odd-both.mkv", _clip(codec="ffv1", width=161, height=97), "hevc"),
    Row("odd-width.mkv", _clip(codec="ffv1", width=161), "av1"),
    Row("odd-height.mp4", _clip(codec="libsvtav1", height=97)),
    Row("anamorphic.mp4", _clip(sar=Fraction(64, 45))),
    Row("anamorphic.mov", _clip(sar=Fraction(4, 3)), "hevc"),
    Row("anamorphic-av1.mp4", _clip(sar=Fraction(4, 3)), "av1"),
    # edit lists, shifted clocks, open groups, missing indexes
    Row("edited.mp4", "edited.mp4"),
    Row("edited-open.mp4", "edited-open.mp4", "hevc"),
    Row("trimmed.mp4", "trimmed.mp4", "av1"),
    Row("early.mov", "early.mov"),
    Row("fragments.mp4", "fragments.mp4", "hevc"),
    Row("no-cues.mkv", "no-cues.mkv"),
    Row("wraps.ts", "wraps.ts", "av1"),
    # fields, several sounds, late sound, subtitles, the display that HDR was graded on
    Row("fields.mp4", _FIELDS, level=0),
    Row("fields.mkv", _FIELDS, "av1", level=0),
    Row("two-sounds.mkv", _TWO_SOUNDS),
    Row("two-sounds.mp4", _TWO_SOUNDS, "hevc"),
    Row("late-sound.mov", _LATE_SOUND),
    Row("subtitles.mkv", _clip(subtitles=True, audio="flac"), "hevc"),
    Row("graded.mp4", _GRADED, graded=True),
    Row("graded.mkv", _GRADED, "hevc", graded=True),
    Row("graded-again.mp4", _GRADED, "av1", graded=True),
)
