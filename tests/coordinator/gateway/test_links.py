"""Signed links open one path for a while."""

from urllib.parse import parse_qs, urlsplit

import pytest

from coordinator.errors import LinkExpired
from coordinator.gateway.links import GRID_S, Links

NOW = 1_800_000_000.0
LINKS = Links("s" * 32, "https://segfleet.example.org/", "videos", "backgrounds")


def _parts(url: str) -> tuple[str, str, str]:
    split = urlsplit(url)
    query = parse_qs(split.query)
    return split.path, query["exp"][0], query["sig"][0]


def test_a_link_is_absolute_and_opens_its_path() -> None:
    url = LINKS.media("video", "01abc", NOW)
    assert url.startswith("https://segfleet.example.org/videos/01abc?exp=")
    LINKS.verify(*_parts(url), NOW)


@pytest.mark.parametrize("offset", [0.0, 1.0, GRID_S / 2, GRID_S - 1.0])
def test_a_link_works_for_at_least_six_and_at_most_twelve_hours(offset: float) -> None:
    made = NOW - NOW % GRID_S + offset
    parts = _parts(LINKS.result("task", "composite", made))
    LINKS.verify(*parts, made + GRID_S)
    with pytest.raises(LinkExpired):
        LINKS.verify(*parts, made + 2 * GRID_S + 1)


def test_a_link_stays_the_same_within_its_six_hours() -> None:
    start = NOW - NOW % GRID_S
    assert LINKS.media("video", "a", start) == LINKS.media("video", "a", start + GRID_S - 1)
    assert LINKS.media("video", "a", start) != LINKS.media("video", "a", start + GRID_S)


def test_a_link_opens_no_other_path() -> None:
    _path, exp, sig = _parts(LINKS.media("video", "a", NOW))
    with pytest.raises(LinkExpired):
        LINKS.verify("/videos/b", exp, sig, NOW)


def test_a_later_expiry_does_not_fit_the_signature() -> None:
    path, exp, sig = _parts(LINKS.media("video", "a", NOW))
    with pytest.raises(LinkExpired):
        LINKS.verify(path, str(int(exp) + 1), sig, NOW)


@pytest.mark.parametrize(
    ("exp", "sig"), [(None, None), ("", ""), ("9" * 30, "a"), ("-1", "a"), ("abc", "\u00fc\ud800")]
)
def test_nonsense_opens_nothing(exp: str | None, sig: str | None) -> None:
    with pytest.raises(LinkExpired):
        LINKS.verify("/videos/a", exp, sig, NOW)


def test_another_secret_makes_other_signatures() -> None:
    other = Links("t" * 32, "https://segfleet.example.org", "videos", "backgrounds")
    with pytest.raises(LinkExpired):
        LINKS.verify(*_parts(other.media("video", "a", NOW)), NOW)
