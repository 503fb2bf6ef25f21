"""A day in Chinese on a desktop: from the account to the result, with everything that may be done to a task."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor, plays

FORM = ("用户名", "密码", "再次输入密码", "创建账号")


def upload(visitor: Visitor, path: Path) -> None:
    page = visitor.go("/library")
    page.get_by_label("选择视频").set_input_files(path)
    expect(page.get_by_role("list", name="上传列表")).to_contain_text("已存入素材库")


def begin(page: Page, name: str) -> None:
    """From the library to the wizard's second step, with one video."""
    page.get_by_role("button", name=f"用 {name} 新建任务").click()
    expect(page.get_by_role("radio", name="纯色")).to_be_checked()


def test_a_video_goes_from_upload_to_a_result_that_plays(visit: Visit, clip: Path) -> None:
    with visit(locale="zh-CN") as visitor:
        visitor.register("王小明", FORM)
        upload(visitor, clip)
        visitor.picture("library")
        page = visitor.page
        begin(page, clip.name)
        page.get_by_role("button", name="颜色 #00b140").click()
        expect(page.get_by_role("img", name="应用所选效果的首帧")).to_be_visible()
        expect(page.get_by_text("由节点按您的选择生成的首帧。")).to_be_visible()
        visitor.picture("wizard")
        page.get_by_role("button", name="开始任务").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(clip.name)
        expect(page.get_by_role("slider", name="原视频与结果的对比位置")).to_be_attached()
        plays(page.locator("video.after"))
        visitor.picture("result")
