"""The administrator's day: nodes, queue, plots, failures, people and the audit."""

from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from protocol.live import Close
from tests.browser.conftest import Visit
from tests.browser.line import Line
from tests.browser.office import Office
from tests.browser.test_accessibility import serious
from tests.browser.visitor import Visitor


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="节点").get_by_role("listitem").filter(has=page.get_by_role("link", name=name))


def agree(page: Page, name: str) -> None:
    """Say yes in the dialog."""
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def test_a_node_is_let_in_drained_and_sent_away(visit_here: Visit, here: Office) -> None:
    here.node("机房-1", approved=True)
    here.node("机房-2", approved=False)
    with visit_here(locale="zh-CN") as visitor:
        page = here.admit(visitor, path="/admin")
        fresh = card(page, "机房-2")
        expect(fresh).to_contain_text("等待批准")
        expect(fresh).to_contain_text("CUDA")
        expect(fresh.get_by_role("progressbar", name="利用率")).to_have_attribute("aria-valuenow", "64")
        expect(fresh).to_contain_text("71 °C")
        visitor.picture("admin-nodes-zh", whole=True)
        page.get_by_label("状态", exact=True).select_option("pending")
        expect(card(page, "机房-1")).to_have_count(0)
        expect(fresh).to_be_visible()
        page.get_by_label("状态", exact=True).select_option("")
        expect(card(page, "机房-1")).to_be_visible()
        fresh.get_by_role("button", name="批准 机房-2").click()
        expect(fresh).to_contain_text("在线")
        fresh.get_by_role("button", name="排空 机房-2").click()
        agree(page, "排空")
        expect(fresh).to_contain_text("排空中")
        here.node("机房-3", approved=False)
        expect(card(page, "机房-3")).to_contain_text("等待批准")
        fresh.get_by_role("link", name="机房-2").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("机房-2")
        expect(page.get_by_role("region", name="管理记录")).to_contain_text("排空节点")
        page.get_by_role("button", name="恢复 机房-2").click()
        expect(page.locator("main")).to_contain_text("在线")
        page.get_by_role("button", name="吊销 机房-2").click()
        visitor.picture("admin-node-zh", whole=True)
        agree(page, "吊销")
        expect(page.locator("main")).to_contain_text("已吊销")
        assert visitor.complaints() == []


def test_the_queue_says_why_and_is_put_in_another_order(visit_here: Visit, here: Office, clip: Path) -> None:
    here.node("gpu-a", approved=True)
    first, second, third = "wedding.mp4", "lecture.mp4", "interview.mp4"
    here.waiting(here.account("queuer"), clip, (first, second, third))
    with visit_here(locale="en") as visitor:
        page = here.admit(visitor, path="/admin/queue")
        rows = page.get_by_role("region", name="Queue").locator("tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.nth(0)).to_contain_text(first)
        page.get_by_role("button", name=f"{third} sooner").click()
        expect(rows.nth(0)).to_contain_text(third)
        page.get_by_role("button", name=f"Why {second} waits").click()
        expect(page.get_by_role("dialog")).to_contain_text("gpu-a")
        visitor.picture("admin-queue-why")
        agree(page, "Close")
        visitor.picture("admin-queue", whole=True)
        assert visitor.complaints() == []


def test_plots_and_failures_are_there_for_eyes_and_for_readers(visit_here: Visit, here: Office) -> None:
    with visit_here(locale="en", dark=True) as visitor:
        page = here.admit(visitor, path="/admin/activity?hours=6")
        expect(page.get_by_role("img", name="Frames per second of all nodes")).to_be_visible()
        visitor.picture("admin-activity-dark", whole=True)
        page.locator("summary").filter(has_text="The numbers as a table").click()
        expect(page.get_by_role("region", name="The numbers as a table")).to_contain_text("Share of failed tries")
        here.broken(here.node("gpu-c", approved=True), "engine_failed")
        page.get_by_role("link", name="Failures").click()
        expect(page.get_by_role("region", name="Tries of nodes that failed")).to_contain_text("The model failed")
        expect(page.locator("main")).to_contain_text("No task failed in this span.")
        page.get_by_role("button", name="Last week").click()
        expect(page.get_by_role("button", name="Last week")).to_have_attribute("aria-pressed", "true")
        visitor.picture("admin-failures", whole=True)
        assert visitor.complaints() == []


def test_people_are_made_bounded_and_disabled(visit_here: Visit, here: Office) -> None:
    with visit_here(locale="zh-CN") as visitor:
        page = here.admit(visitor, path="/admin/users")
        page.get_by_role("button", name="新建账号").first.click()
        page.get_by_label("用户名", exact=True).fill("李小雷")
        page.get_by_label("密码", exact=True).fill("足够长的初始密码 for 李小雷")
        page.locator("form").get_by_role("button", name="新建账号").click()
        page.get_by_role("link", name="李小雷").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("李小雷")
        page.get_by_label("级别").fill("3")
        page.get_by_label("存储配额（MiB）").fill("500")
        page.get_by_role("button", name="保存").click()
        expect(page.locator("#toasts")).to_contain_text("账号已修改")
        page.get_by_role("button", name="停用").click()
        agree(page, "停用")
        expect(page.locator("main")).to_contain_text("已停用")
        visitor.picture("admin-user-zh", whole=True)
        page.get_by_role("link", name="用户", exact=True).click()
        row = page.get_by_role("row").filter(has_text="李小雷")
        expect(row).to_contain_text("已停用")
        expect(row).to_contain_text("500 MiB")
        visitor.picture("admin-users-zh", whole=True)
        page.get_by_role("link", name="审计日志").click()
        page.get_by_label("操作", exact=True).select_option("user.")
        expect(page.get_by_role("region", name="审计日志")).to_contain_text("李小雷")
        visitor.picture("admin-audit-zh", whole=True)
        assert visitor.complaints() == []


def test_others_have_no_way_into_the_administration(visit_here: Visit, here: Office) -> None:
    account = here.account("stranger")
    with visit_here(locale="en", phone=True) as visitor:
        page = here.admit(visitor, account, "/admin/users")
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing here")
        expect(page.get_by_role("link", name="Administration")).to_have_count(0)
        assert visitor.complaints() == []


def mended(visitor: Visitor, line: Line) -> None:
    """The line is there again, and the browser says so."""
    line.mend()
    visitor.context.set_offline(True)
    visitor.context.set_offline(False)
    expect(visitor.page.locator(".live")).to_have_class("live live")


def test_pages_open_without_their_socket_and_say_so_until_it_is_back(visit_here: Visit, here: Office) -> None:
    with visit_here(locale="en") as visitor:
        visitor.may_be_offline = True
        line = Line(visitor.page)
        page = here.admit(visitor, path="/account")
        dot = page.locator(".live")
        expect(dot).to_have_class("live live")
        page.route("**/api/v1/health", lambda route: None)
        line.cut(Close.LATER)
        expect(dot).to_have_class("live connecting")
        page.get_by_role("link", name="Administration").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Nodes")
        expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
        mended(visitor, line)
        line.cut(Close.UNAUTHORIZED)  # as after a change of the password, with which this browser goes on
        expect(dot).to_have_class("live connecting")
        mended(visitor, line)
        assert visitor.complaints() == []


PAGES = ("/admin", "/admin/activity", "/admin/audit", "/account/keys")


def test_axe_finds_nothing_serious_in_the_administration_and_the_account(browser: Browser, here: Office) -> None:
    here.node("axe", approved=True)
    context = browser.new_context(bypass_csp=True, locale="en", reduced_motion="reduce")
    try:
        here.let_in(context)
        page = context.new_page()
        for path in PAGES:
            page.goto(f"{here.url}{path}")
            expect(page.locator("nav.sections")).to_be_visible()
            assert serious(page) == [], path
        page.goto(f"{here.url}/admin")
        page.get_by_role("list", name="Nodes").get_by_role("link").first.click()
        expect(page.get_by_role("heading", name="What it was given")).to_be_visible()
        assert serious(page) == []
    finally:
        context.close()
