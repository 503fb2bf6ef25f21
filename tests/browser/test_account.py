"""One's own account on the pages: an ended session, password, keys, webhooks."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.line import Hold, drawn
from tests.browser.office import Office
from tests.coordinator.conftest import PASSWORD

ENGLISH = ("Username", "Password", "Log in")


def test_a_session_that_was_ended_elsewhere_leads_back_to_the_login(visit_here: Visit, here: Office) -> None:
    account = here.account("traveller")
    with visit_here(locale="en") as visitor:
        visitor.allowed = {401, 403}
        page = here.admit(visitor, account, "/account/keys")
        expect(page.get_by_role("heading", level=1)).to_have_text("API keys")
        held = Hold(page, "**/api/v1/webhooks/**")
        with here.client(account) as program, page.expect_request("**/api/v1/webhooks/**"):
            page.get_by_role("link", name="Webhooks").click()
            program.post("/auth/logout").raise_for_status()
        held.release()
        expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
        expect(page.locator("#toasts")).to_contain_text("Your session has ended")
        visitor.log_in("traveller", PASSWORD, ENGLISH)
        expect(page.get_by_role("heading", level=1)).to_have_text("Webhooks")
        assert visitor.complaints() == []


def asks_for_another(page: Page, now: str) -> None:
    page.get_by_label("Password now").fill(now)
    page.get_by_label("New password").fill("another fine password")
    page.get_by_label("Password again").fill("another fine password")
    page.get_by_role("button", name="Change password").click()


def lands_elsewhere(page: Page, held: Hold) -> None:
    """The answer to what was asked for on the page before comes when another page is there, and leaves it."""
    page.get_by_role("link", name="API keys").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("API keys")
    held.release()
    expect(page.locator("#toasts")).to_contain_text("The password was changed")
    drawn(page)
    assert page.get_by_role("heading", level=1).all_text_contents() == ["API keys"]


def test_a_changed_password_keeps_this_page(visit_here: Visit, here: Office) -> None:
    account = here.account("changer")
    with visit_here(locale="en") as visitor:
        visitor.allowed = {401}
        page = here.admit(visitor, account, "/account")
        visitor.picture("account", whole=True)
        asks_for_another(page, "not my password")
        expect(page.get_by_role("alert")).to_contain_text("The password of now is wrong.")
        held = Hold(page, "**/api/v1/auth/password")
        asks_for_another(page, PASSWORD)
        lands_elsewhere(page, held)
        page.get_by_label("Name", exact=True).fill("after")
        page.get_by_role("button", name="New key").click()
        expect(page.get_by_text("The key “after”")).to_be_visible()
        assert visitor.complaints() == []


def test_a_key_is_shown_once_works_and_is_removed(visit_here: Visit, here: Office) -> None:
    account = here.account("programmer")
    with visit_here(locale="zh-CN", phone=True) as visitor:
        page = here.admit(visitor, account, "/account/keys")
        name = page.get_by_label("名称", exact=True)
        name.fill("实验室")
        held = Hold(page, "**/api/v1/auth/keys")
        with page.expect_request("**/api/v1/auth/keys"):
            name.press("Enter")
            name.press("Enter")
        held.release()
        secret = page.locator(".shown-secret")
        expect(secret).to_contain_text("sfk_")
        expect(name).to_be_focused()
        expect(name).to_have_value("")
        assert len([one for one in visitor.sent if one.method == "POST"]) == 1
        visitor.picture("account-keys-zh-phone", whole=True)
        with here.server.client(secret.inner_text()) as program:
            assert program.get("/auth/me").json()["username"] == "programmer"
            page.get_by_role("button", name="我已保存").click()
            expect(secret).to_have_count(0)
            page.get_by_role("button", name="删除密钥 实验室").click()
            page.get_by_role("dialog").get_by_role("button", name="删除").click()
            expect(page.locator("main")).to_contain_text("还没有密钥")
            assert program.get("/auth/me").status_code == 401
        assert visitor.complaints() == []


def test_a_webhook_gets_a_secret_and_a_receiver_is_tried(visit_here: Visit, here: Office) -> None:
    account = here.account("receiver")
    with visit_here(locale="en") as visitor:
        page = here.admit(visitor, account, "/account/webhooks")
        page.get_by_role("button", name="Make a secret").click()
        expect(page.locator(".shown-secret")).to_contain_text("whsec_")
        page.get_by_role("button", name="I have kept it").click()
        expect(page.get_by_role("list", name="Secrets that sign").get_by_role("listitem")).to_have_count(1)
        page.get_by_label("Address of your receiver").fill("https://127.0.0.1:9/hook")
        page.get_by_role("button", name="Send a test message").click()
        expect(page.get_by_role("alert")).to_be_visible()
        visitor.picture("account-webhooks", whole=True)
        assert visitor.complaints() == []
