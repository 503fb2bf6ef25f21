"""Coming in, being put out, and losing the line."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.line import Hold, drawn
from tests.browser.site import PASSWORD, Site
from tests.browser.visitor import Visitor

LISTED = "**/api/v1/tasks?*"
DOOR = ("用户名", "密码", "登录")


def test_a_wrong_password_is_said_and_a_right_one_leads_where_one_wanted_to_go(visit: Visit, site: Site) -> None:
    site.account("赵小云")
    with visit(locale="zh-CN") as visitor:
        visitor.allowed.add(401)
        visitor.go("/library/backgrounds")
        page = visitor.log_in("赵小云", "不是这个密码不是这个密码", DOOR)
        expect(page.get_by_role("alert")).to_have_text("用户名或密码错误。")
        expect(page.get_by_label("用户名")).to_have_value("赵小云")
        visitor.picture("wrong-password")
        visitor.log_in("赵小云", PASSWORD, DOOR)
        expect(page.get_by_text("还没有背景。")).to_be_visible()
        cookies = [(one.get("name"), one.get("httpOnly"), one.get("sameSite")) for one in visitor.context.cookies()]
        assert cookies == [("segfleet", True, "Strict")]
        assert visitor.complaints() == []


def test_a_name_that_is_too_short_is_refused_beside_its_field(visit: Visit) -> None:
    with visit(locale="zh-CN") as visitor:
        visitor.allowed.add(422)
        page = visitor.go("/register")
        for label in ("密码", "再次输入密码"):
            page.get_by_label(label, exact=True).fill(PASSWORD)
        page.get_by_label("用户名").fill("王")
        page.get_by_role("button", name="创建账号").click()
        expect(page.get_by_label("用户名")).to_have_accessible_description(re.compile("用户名须为 2 到 64 个"))
        assert visitor.complaints() == []


def test_who_logs_out_is_out_and_an_ended_session_asks_to_log_in_again(visit: Visit, site: Site) -> None:
    site.account("钱小多")
    with visit(locale="zh-CN") as visitor:
        visitor.allowed.add(401)
        visitor.go("/library")
        page = visitor.log_in("钱小多", PASSWORD, DOOR)
        expect(page.get_by_text("还没有视频。")).to_be_visible()
        expect(page.locator(".live")).to_have_class("live live")  # a socket without the cookie would end it at once
        visitor.context.clear_cookies()
        page.get_by_role("link", name="任务", exact=True).click()
        expect(page.get_by_text("登录已过期，请重新登录。")).to_be_visible()
        visitor.log_in("钱小多", PASSWORD, DOOR)
        expect(page.get_by_text("还没有任务。")).to_be_visible()
        page.locator(".menu summary").click()
        page.get_by_role("button", name="退出登录").click()
        expect(page.get_by_role("heading", name="登录")).to_be_visible()
        assert visitor.complaints() == []


def last_choice_counts(page: Page) -> None:
    """The answer to an earlier choice comes after that to a later one."""
    slow = Hold(page, LISTED, times=1)
    page.get_by_role("button", name="已完成").click()
    with page.expect_response(LISTED):
        page.get_by_role("button", name="全部").click()
    with page.expect_response(LISTED):
        slow.release()
    drawn(page)
    assert page.get_by_role("list", name="任务").is_visible()


def outlives_what_is_not_there(visitor: Visitor) -> None:
    """A page that cannot be fetched is opened when it can; a server that is away for a moment logs nobody out."""
    page = visitor.page
    page.route("**/pages/library.js", lambda route: route.abort(), times=1)
    page.get_by_role("link", name="素材库").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("出了点问题")
    page.get_by_role("button", name="重试").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("素材库")
    visitor.allowed.add(503)
    page.route("**/api/v1/auth/session", lambda route: route.fulfill(status=503), times=1)
    page.reload()
    expect(page.get_by_text("服务器没有响应，请稍后刷新。")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("素材库")


def test_a_lost_line_is_said_and_what_happened_meanwhile_is_caught_up(visit: Visit, site: Site) -> None:
    user = site.account("孙小美")
    for _ in range(52):
        user.post("/tasks", json={}).raise_for_status()
    with visit(locale="zh-CN") as visitor:
        visitor.may_be_offline = True
        visitor.go("/tasks")
        page = visitor.log_in("孙小美", PASSWORD, DOOR)
        expect(page.locator(".live")).to_have_class("live live")
        last_choice_counts(page)
        page.get_by_role("button", name="显示更多").dblclick()
        rows = page.get_by_role("list", name="任务").get_by_role("listitem")
        expect(rows).to_have_count(52)
        visitor.context.set_offline(True)
        expect(page.get_by_role("alert")).to_contain_text("服务器没有响应")
        visitor.picture("lost")
        user.post("/tasks", json={}).raise_for_status()
        visitor.context.set_offline(False)
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.locator(".live")).to_have_class("live live")
        expect(rows).to_have_count(53)
        outlives_what_is_not_there(visitor)
        assert visitor.complaints() == []


def test_without_a_socket_the_pages_look_again_by_themselves(visit: Visit, site: Site) -> None:
    user = site.account("周小舟")
    with visit(locale="zh-CN") as visitor:
        visitor.may_be_offline = True
        visitor.page.route_web_socket("**/api/v1/ws", lambda socket: socket.close())
        visitor.go("/tasks")
        page = visitor.log_in("周小舟", PASSWORD, DOOR)
        expect(page.locator(".live")).to_have_class("live polling")
        user.post("/tasks", json={}).raise_for_status()
        expect(page.get_by_role("list", name="任务")).to_contain_text("草稿")
        assert visitor.complaints() == []
