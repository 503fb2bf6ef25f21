"""One coordinator and one node for all pages, a browser for the package, and people who visit."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests import clips
from tests.browser.visitor import SLOW_MS, Visitor, visiting
from tests.clips import Clip
from tests.system import long_clips
from tests.system.coordinator import Coordinator
from tests.system.nodes import MODEL, NodeProcess, tiny_model

CHROMIUM = Path("/usr/bin/chromium")
LIMIT_MB = 1000
SMALL = Clip(frames=48, width=320, height=240, bframes=0)
Visit = Callable[..., AbstractContextManager[Visitor]]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """A coordinator and a node of two slots that cuts videos into pieces of some two seconds."""
    home = tmp_path_factory.mktemp("site")
    keys = {"UPLOAD_FILE_SIZE_LIMIT": str(LIMIT_MB), "SEGMENT_SECONDS": "2", "DEFAULT_MODEL": MODEL, "LEASE_S": "20"}
    with ExitStack() as stack:
        running = stack.enter_context(Coordinator(home / "coordinator", **keys))
        cache = tiny_model(home / "cache")
        node = NodeProcess(home, running.url, cache, "工作站-1", push=True, NODE_SLOTS="2")
        stack.enter_context(node)
        with running.administrator() as admin:
            node.online(admin)
        yield running
    assert running.program.complaints() == []


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
def visit(browser: Browser, site: Coordinator, pictures: Path) -> Visit:
    """`with visit(locale="zh-CN") as visitor:` opens a browser for somebody new."""
    return partial(visiting, browser, site.url, pictures)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of two seconds."""
    return clips.write(tmp_path_factory.mktemp("clips") / "跳舞.mp4", SMALL)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of half a minute that is cut into many parts."""
    return long_clips.repeated(tmp_path_factory.mktemp("clips") / "长视频.mp4", 40, SMALL)
