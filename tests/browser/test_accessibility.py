"""What axe finds, in both colour schemes; and that everything can be done without a mouse."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit
from tests.browser.site import PASSWORD, Site

DOOR = ("Username", "Password", "Log in")


def serious(page: Page) -> list[str]:
    """Each finding that counts, with the element; contrast once more in the dark."""
    found = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += page.evaluate("axe.run({runOnly: ['color-contrast']})")["violations"]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def test_axe_finds_nothing_serious_in_light_and_dark(browser: Browser, site: Site, clip: Path) -> None:
    user = site.account("reader")
    video = user.upload(clip)
    task = user.submit(video["id"])
    draft = user.post("/tasks", json={"video_id": video["id"]}).json()["id"]
    user.ended(task)
    context = browser.new_context(bypass_csp=True, locale="en-GB", reduced_motion="reduce")
    try:
        page = context.new_page()
        page.goto(f"{site.url}/login")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert serious(page) == []
        page.get_by_label("Username").fill("reader")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("list", name="Tasks")).to_contain_text("Done")
        assert serious(page) == []
        for path, sign in ((f"/new/{draft}", "radio"), ("/library", "checkbox"), (f"/tasks/{task}", "range")):
            page.goto(f"{site.url}{path}")
            expect(page.locator(f"main input[type={sign}]").first).to_be_attached()
            assert serious(page) == []
    finally:
        context.close()


def test_everything_is_reached_by_the_keyboard(visit: Visit, site: Site, clip: Path) -> None:
    user = site.account("keyboard")
    user.upload(clip)
    with visit(locale="en-GB") as visitor:
        visitor.go("/library")
        page = visitor.log_in("keyboard", PASSWORD, DOOR)
        use = page.get_by_role("button", name=f"New task with {clip.name}")
        use.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        names = set()
        for _ in range(20):
            page.keyboard.press("Tab")
            names.add(focused_name(page))
        assert {"background", "model", "composite"} <= names
        assert "" not in names
        assert visitor.complaints() == []


def focused_name(page: Page) -> str:
    """What the element in focus calls itself."""
    return str(
        page.evaluate(
            """() => {
              const at = document.activeElement;
              return at.name || at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent.trim();
            }"""
        )
    )
