"""The choice for a draft, which every browser of an account may go on with."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.office import Office

ELSEWHERE = {"background": {"kind": "gradient", "colors": ["#000000", "#ffffff"], "angle": 90}}


def test_a_choice_is_kept_until_another_browser_chooses(visit_here: Visit, here: Office, clip: Path) -> None:
    account = here.account("undecided")
    with here.client(account) as program, visit_here(locale="en") as visitor:
        video = program.post("/videos", files={"file": (clip.name, clip.read_bytes())}).raise_for_status().json()
        draft = program.post("/tasks", json={"video_id": video["id"]}).raise_for_status().json()["id"]
        page = here.admit(visitor, account, f"/new/{draft}")
        black = page.get_by_role("button", name="Colour #000000")
        with page.expect_response("**/options"):
            black.click()
        page.get_by_role("checkbox", name="Video with new background").uncheck()
        page.reload()
        expect(page.get_by_role("checkbox", name="Video with new background")).not_to_be_checked()
        expect(black).to_have_attribute("aria-pressed", "true")
        program.put(f"/tasks/{draft}/options", json=ELSEWHERE).raise_for_status()
        page.reload()
        expect(page.get_by_role("radio", name="Gradient")).to_be_checked()
        expect(page.get_by_role("slider", name="Direction")).to_have_value("90")
        assert visitor.complaints() == []
