"""One person in front of a browser: what they do, and everything that must never happen meanwhile."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, ViewportSize, expect

PASSWORD = "一个足够长的密码 for tests"
SLOW_MS = 30_000
"""How long a page may take for anything on a busy machine."""
DESKTOP = ViewportSize(width=1280, height=860)
PHONE = ViewportSize(width=390, height=844)
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_UNREACHED = re.compile(r"net::ERR_|WebSocket connection to .* failed")


class Visitor:
    """A browser context with its page. `allowed` are statuses of refusals that a test provokes, `may_be_offline` says
    that the connection is cut on purpose; a browser writes both into its console by itself."""

    def __init__(self, context: BrowserContext, url: str, pictures: Path) -> None:
        self.context = context
        self.url = url
        self.allowed: set[int] = set()
        self.may_be_offline = False
        self.sent: list[Request] = []
        self._said: list[str] = []
        self._pictures = pictures
        context.set_default_timeout(SLOW_MS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._said.append(str(error.error)))
        context.on("request", self._request)
        self.page = context.new_page()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._said.append(message.text)

    def _request(self, request: Request) -> None:
        self.sent.append(request)

    def go(self, path: str = "/") -> Page:
        """Open an address of the pages."""
        self.page.goto(f"{self.url}{path}")
        return self.page

    def register(self, name: str, words: tuple[str, str, str, str]) -> None:
        """Make an account by the form; `words` are the labels of name, password, password again, and the button."""
        page = self.go("/register")
        page.get_by_label(words[0], exact=True).fill(name)
        page.get_by_label(words[1], exact=True).fill(PASSWORD)
        page.get_by_label(words[2], exact=True).fill(PASSWORD)
        page.get_by_role("button", name=words[3]).click()
        expect(page.locator("header.banner .menu")).to_contain_text(name)

    def log_in(self, name: str, password: str, words: tuple[str, str, str]) -> Page:
        """Come in by the form; `words` are the labels of name and password, and the button."""
        page = self.page
        page.get_by_label(words[0], exact=True).fill(name)
        page.get_by_label(words[1], exact=True).fill(password)
        page.get_by_role("button", name=words[2], exact=True).click()
        return page

    def picture(self, name: str, *, whole: bool = False) -> None:
        """A screenshot, when somebody wants to look at it."""
        if os.environ.get("SEGFLEET_SCREENSHOTS"):
            self.page.screenshot(path=self._pictures / f"{name}.png", full_page=whole, animations="disabled")

    def complaints(self) -> list[str]:
        """What the console said, but for refusals that the test wanted; and requests to other hosts."""
        strangers = [request.url for request in self.sent if not self._is_ours(request.url)]
        return [text for text in self._said if not self._is_meant(text)] + strangers

    def _is_meant(self, text: str) -> bool:
        refused = _REFUSED.match(text)
        if refused:
            return int(refused[1]) in self.allowed
        return self.may_be_offline and _UNREACHED.search(text) is not None

    def _is_ours(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in {"blob", "data"} or parts.netloc == urlsplit(self.url).netloc


@contextmanager
def visiting(
    browser: Browser, url: str, pictures: Path, *, locale: str, phone: bool = False, dark: bool = False
) -> Iterator[Visitor]:
    """A person with a browser of their own."""
    context = browser.new_context(
        locale=locale,
        viewport=PHONE if phone else DESKTOP,
        is_mobile=phone,
        has_touch=phone,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        accept_downloads=True,
    )
    try:
        yield Visitor(context, url, pictures)
    finally:
        context.close()


def plays(video: Locator) -> None:
    """Wait until a video has shown something and its time has moved."""
    video.evaluate("video => { video.muted = true; return video.play(); }")
    video.page.wait_for_function(
        "video => video.currentTime > 0 && video.videoWidth > 0", arg=video.element_handle(), timeout=SLOW_MS
    )
