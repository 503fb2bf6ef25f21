"""One coordinator and one node for all pages, a browser for the package, and people who visit."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests import clips
from tests.browser import office
from tests.browser.office import Office
from tests.browser.site import Site
from tests.browser.visitor import SLOW_MS, Visitor, visiting
from tests.clips import Clip
from tests.system import long_clips

CHROMIUM = Path("/usr/bin/chromium")
SMALL = Clip(frames=48, width=320, height=240, bframes=0)
Visit = Callable[..., AbstractContextManager[Visitor]]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A coordinator and a node of two slots that cuts videos into pieces of some two seconds."""
    with ExitStack() as stack:
        running = Site(tmp_path_factory.mktemp("site"), stack)
        yield running
    assert running.coordinator.program.complaints() == []


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's chromium. Of the package: Playwright's loop must not outlive it in a worker with asynchronous tests."""
    if not CHROMIUM.exists():
        sentence = f"no chromium at {CHROMIUM}: apt-get install chromium fonts-noto-cjk"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    expect.set_options(timeout=SLOW_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: SEGFLEET_SCREENSHOTS, or nowhere that is kept."""
    named = os.environ.get("SEGFLEET_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def visit(browser: Browser, site: Site, pictures: Path) -> Visit:
    """`with visit(locale="zh-CN") as visitor:` opens a browser for somebody new."""
    return partial(visiting, browser, site.url, pictures)


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The administrator's coordinator, whose nodes do nothing."""
    with office.opened(tmp_path_factory.mktemp("office")) as opened:
        yield opened


@pytest.fixture
def visit_here(browser: Browser, here: Office, pictures: Path) -> Visit:
    """`visit`, but to the office."""
    return partial(visiting, browser, here.url, pictures)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of two seconds."""
    return clips.write(tmp_path_factory.mktemp("clips") / "跳舞.mp4", SMALL)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of sixteen seconds that is cut into parts."""
    return long_clips.repeated(tmp_path_factory.mktemp("clips") / "长视频.mp4", 8, SMALL)


@pytest.fixture(scope="session")
def heavy_clip(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two seconds with 20 MB behind them that no player looks at: three pieces of an upload."""
    path = tmp_path_factory.mktemp("clips") / "大视频.mp4"
    size = 20_000_000
    path.write_bytes(clip.read_bytes() + size.to_bytes(4, "big") + b"free" + os.urandom(size - 8))
    return path
