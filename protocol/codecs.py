"""Which of FFmpeg's some five hundred decoders may see a file of a stranger; the coordinator's probe and a node agree.

Here is what cameras, phones and editors write. The rest is games, consoles and formats of the nineties, whose decoders
fewer people have attacked and mended; who has such a file converts it.
"""

from typing import Final

VIDEO: Final = (
    "h264", "hevc", "vvc", "libdav1d", "av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4", "mpeg2video", "mpeg1video",
    "h263", "msmpeg4", "msmpeg4v2", "wmv2", "wmv3", "vc1", "flv", "theora", "prores", "dnxhd", "cfhd", "dvvideo",
    "mjpeg", "png", "qtrle", "ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "v210", "jpeg2000", "hap",
)  # fmt: skip
SOUND: Final = (
    "aac", "aac_fixed", "aac_latm", "mp3", "mp3float", "mp2", "mp2float", "mp1", "mp1float", "ac3", "ac3_fixed", "eac3",
    "dca", "truehd", "opus", "libopus", "vorbis", "flac", "alac", "wavpack", "wmav2", "amrnb", "amrwb", "adpcm_ms",
    "adpcm_ima_wav", "adpcm_ima_qt", "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "pcm_s8", "pcm_u8",
    *(f"pcm_s{bits}{order}" for bits in (16, 24, 32) for order in ("le", "be")),
    *(f"pcm_f{bits}{order}" for bits in (32, 64) for order in ("le", "be")),
)  # fmt: skip
TEXT: Final = ("srt", "subrip", "mov_text", "ass", "ssa", "webvtt", "text", "dvdsub", "dvbsub", "pgssub", "cc_dec")
DECODERS: Final = frozenset((*VIDEO, *SOUND, *TEXT))
WHITELIST: Final = ",".join(sorted(DECODERS))
"""As FFmpeg's `codec_whitelist` takes it."""
