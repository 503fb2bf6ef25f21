"""A short path in English, in the dark, on a phone."""

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.visitor import plays

FORM = ("Username", "Password", "Password again", "Create account")


def fits(page: Page) -> bool:
    """Nothing sticks out to the right."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def has_room_for_a_long_video(page: Page) -> None:
    """Two hundred parts do not widen the page, and a log of many pages is read to its end."""

    def many(route: Route) -> None:
        answer = route.fetch().json()
        items = [answer["items"][0] | {"id": f"part-{number}"} for number in range(200)]
        route.fulfill(json=answer | {"items": items})

    page.route("**/steps", many)
    page.route("**/events?*", lambda route: route.continue_(url=route.request.url.replace("limit=1000", "limit=1")))
    page.reload()
    expect(page.locator(".segment-bar li")).to_have_count(200)
    expect(page.locator("ol.log")).to_contain_text("Done")
    assert fits(page)


def test_a_phone_goes_from_the_account_to_the_result(visit: Visit, clip: Path) -> None:
    with visit(locale="en-GB", phone=True, dark=True) as visitor:
        visitor.register("ann-on-the-phone", FORM)
        page = visitor.page
        visitor.picture("phone-empty")
        page.get_by_role("link", name="Make the first task").click()
        page.get_by_label("Choose videos").set_input_files(clip)
        expect(page.get_by_role("checkbox", name=clip.name)).to_be_checked()
        visitor.picture("phone-video")
        assert fits(page)
        page.get_by_role("button", name="Next: background").dblclick()
        page.get_by_role("radio", name="Transparent").check()
        expect(page.get_by_role("checkbox", name="Cut-out with transparency")).to_be_checked()
        expect(page.get_by_text("The first frame, as a node makes it with your choice.")).to_be_visible()
        assert len([one for one in visitor.sent if one.method == "POST" and one.url.endswith("/tasks")]) == 1
        visitor.picture("phone-wizard", whole=True)
        assert fits(page)
        page.get_by_role("button", name="Start task").click()
        plays(page.locator("video.after"))
        visitor.picture("phone-result", whole=True)
        assert fits(page)
        has_room_for_a_long_video(page)
        page.get_by_role("button", name="切换为中文").click()
        expect(page.get_by_role("heading", name="详细信息")).to_be_visible()
        page.get_by_role("navigation", name="导航", exact=True).get_by_role("link", name="素材库").click()
        expect(page.get_by_role("list", name="视频")).to_contain_text(clip.name)
        visitor.picture("phone-library")
        assert fits(page)
        assert visitor.complaints() == []
