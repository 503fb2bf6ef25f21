"""What the first visit of the pages costs: bytes over the wire, and the time until the page can be used.

    python -m scripts.bench.pages [--visits 5] [--browser /usr/bin/chromium]

A real coordinator as a process of its own, a browser that keeps nothing between visits, the page of logging in and the
list of tasks. Ready is the moment at which the page's modules and words are there and it is drawn
(`performance.mark("segfleet-ready")`), from the start of the navigation; medians. Exit code 1 when a bar is missed.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from scripts.bench.dispatch import PASSWORD, answers, free_port, start_coordinator

MOST_BYTES: Final = 150_000
MOST_MS: Final = 1000.0
ADDRESSES: Final = ("/login", "/tasks")
_READ: Final = """() => {
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const [ready] = performance.getEntriesByName("segfleet-ready");
  return {bytes: all.reduce((sum, one) => sum + one.transferSize, 0), requests: all.length, ms: ready.startTime};
}"""


def visit(browser: Browser, url: str, address: str) -> dict[str, Any]:
    """One first visit: `bytes`, `requests`, `ms`."""
    context = browser.new_context()
    try:
        if address != "/login":
            body = {"username": "admin", "password": PASSWORD}
            context.request.post(f"{url}/api/v1/auth/session", data=body)
            context.add_init_script("localStorage.setItem('segfleet.session', '1')")
        page = context.new_page()
        page.goto(f"{url}{address}")
        page.locator("h1").wait_for()
        return dict(page.evaluate(_READ))
    finally:
        context.close()


def measure(url: str, chromium: Path, visits: int) -> bool:
    """Print a line an address; whether all bars hold."""
    good = True
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        visit(browser, url, "/login")  # the browser's own start is not the pages'
        for address in ADDRESSES:
            seen = [visit(browser, url, address) for _ in range(visits)]
            size, ms = max(one["bytes"] for one in seen), median(one["ms"] for one in seen)
            print(f"{address:8} {size:7,} bytes in {seen[0]['requests']} requests, ready after {ms:.0f} ms")
            good = good and size < MOST_BYTES and ms < MOST_MS
        browser.close()
    return good


def main() -> int:
    """Start, measure, end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--browser", type=Path, default=Path("/usr/bin/chromium"))
    asked = parser.parse_args()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as home:
        program: subprocess.Popen[bytes] = start_coordinator(Path(home), port)
        try:
            asyncio.run(answers(f"{url}/api/v1/health"))
            return 0 if measure(url, asked.browser, asked.visits) else 1
        finally:
            program.terminate()
            program.wait()


if __name__ == "__main__":
    sys.exit(main())
