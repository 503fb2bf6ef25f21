"""A day in Chinese on a desktop: from the account to the result, with everything that may be done to a task."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site import NODE, PASSWORD, Site
from tests.browser.visitor import Visitor, plays

FORM = ("用户名", "密码", "再次输入密码", "创建账号")
DOOR = ("用户名", "密码", "登录")
PROMPT_MS = 10_000
"""Half of what a preview waits for a node."""


def upload(visitor: Visitor, path: Path) -> None:
    page = visitor.go("/library")
    page.get_by_label("选择视频").set_input_files(path)
    expect(page.get_by_role("list", name="上传列表")).to_contain_text("已存入素材库")


def begin(page: Page, name: str) -> None:
    """From the library to the wizard's second step, with one video."""
    page.get_by_role("button", name=f"用 {name} 新建任务").click()
    expect(page.get_by_role("radio", name="纯色")).to_be_checked()


def state(page: Page, words: str) -> None:
    expect(page.locator(".summary .badge")).to_have_text(words)


def shows_only_what_is_chosen(page: Page) -> None:
    """A background that is still to be chosen has no preview; and sliders begin where the choice is."""
    page.get_by_role("radio", name="图片或视频").check()
    expect(page.get_by_role("img", name="视频首帧")).to_be_visible()
    expect(page.get_by_text("首帧效果将显示在这里。")).to_be_visible()
    page.get_by_role("radio", name="渐变").check()
    expect(page.get_by_role("slider", name="方向")).to_have_value("180")
    page.get_by_role("radio", name="纯色").check()


def does_not_wait_for_nobody(page: Page, site: Site) -> None:
    """A preview that is not wanted any more leaves the queue at once, however long it would have waited there."""
    site.drain()
    with page.expect_response("**/api/v1/process/image", timeout=PROMPT_MS):
        page.get_by_role("button", name="颜色 #000000").click()
    with page.expect_request(lambda request: request.method == "DELETE", timeout=PROMPT_MS):
        page.get_by_role("button", name="颜色 #00b140").click()
    site.resume()


def is_refused_and_goes_on(visitor: Visitor) -> None:
    """A task that the server does not take leaves the choice as it is, with its preview."""
    visitor.allowed.add(503)
    page = visitor.page
    page.route("**/api/v1/tasks/*/submit", lambda route: route.fulfill(status=503), times=1)
    page.get_by_role("button", name="开始任务").click()
    expect(page.locator("#toasts .bad")).to_be_visible()
    expect(page.get_by_role("img", name="应用所选效果的首帧")).to_be_visible()


def test_a_video_goes_from_upload_to_a_result_that_plays(visit: Visit, site: Site, clip: Path) -> None:
    with visit(locale="zh-CN") as visitor:
        visitor.register("王小明", FORM)
        upload(visitor, clip)
        visitor.picture("library")
        page = visitor.page
        begin(page, clip.name)
        page.get_by_role("button", name="颜色 #00b140").click()
        expect(page.get_by_text("由节点按您的选择生成的首帧。")).to_be_visible()
        expect(page.get_by_role("img", name="应用所选效果的首帧")).to_be_visible()
        visitor.picture("wizard")
        shows_only_what_is_chosen(page)
        does_not_wait_for_nobody(page, site)
        is_refused_and_goes_on(visitor)
        page.reload()
        expect(page.get_by_role("button", name="颜色 #00b140")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="开始任务").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(clip.name)
        slider = page.get_by_role("slider", name="原视频与结果的对比位置")
        slider.focus()
        page.keyboard.press("ArrowRight")
        expect(slider).to_have_value("51")
        plays(page.locator("video.after"))
        visitor.picture("result", whole=True)
        with page.expect_download() as started:
            page.get_by_role("link", name="下载换背景视频").click()
        assert started.value.suggested_filename == "跳舞-composite.mp4"
        page.get_by_role("link", name="任务", exact=True).first.click()
        expect(page.get_by_role("list", name="任务")).to_contain_text("已完成")
        assert visitor.complaints() == []


def test_a_task_waits_for_a_reason_and_can_be_steered(visit: Visit, site: Site, long_clip: Path) -> None:
    user = site.account("李小雷")
    video = user.upload(long_clip)
    site.drain()
    task = user.submit(video["id"])
    with visit(locale="zh-CN") as visitor:
        visitor.go(f"/tasks/{task}")
        page = visitor.log_in("李小雷", PASSWORD, DOOR)
        state(page, "等待中")
        expect(page.get_by_role("listitem").filter(has_text=NODE)).to_contain_text("正在收尾，不再接新任务")
        visitor.picture("waiting")
        page.get_by_role("button", name="暂停").click()
        state(page, "已暂停")
        expect(page.get_by_role("button", name="继续")).to_be_focused()
        page.get_by_role("button", name="继续").click()
        state(page, "等待中")
        expect(page.get_by_text("队列中第 1 位")).to_be_visible()
        page.get_by_label("优先级").select_option("我的任务中优先")
        expect(page.get_by_text("优先级已更改。")).to_be_visible()
        page.get_by_role("button", name="取消任务").click()
        page.get_by_role("dialog").get_by_role("button", name="取消任务").click()
        state(page, "已取消")
        site.resume()
        page.get_by_role("button", name="重试").click()
        watched(visitor, page)
        assert visitor.complaints() == []


def watched(visitor: Visitor, page: Page) -> None:
    """Parts are worked on by the node, can be looked at when they are done, and become one result."""
    expect(page.get_by_role("heading", name="共 8 段，同时处理")).to_be_visible()
    expect(page.get_by_role("list", name="各节点的分工")).to_contain_text(NODE)
    page.locator("button.segment").first.click()
    plays(page.locator(".segment-player video"))
    visitor.picture("segments")
    state(page, "已完成")
    expect(page.locator("ol.log")).to_contain_text("片段完成")
    plays(page.locator("video.after"))
