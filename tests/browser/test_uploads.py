"""Files that are cut off, refused, or many."""

from pathlib import Path

from playwright.sync_api import JSHandle, Page, Request, Route, expect

from tests.browser.conftest import Visit
from tests.browser.line import Hold
from tests.browser.site import PASSWORD, Site
from tests.browser.visitor import Visitor

DOOR = ("用户名", "密码", "登录")
PIECE = 8 * 1024 * 1024


def stops_after_one_piece(page: Page) -> list[Route]:
    """A line that lets the first piece through and holds what comes after it, which stands in the list."""
    held: list[Route] = []

    def pass_on(route: Route) -> None:
        if int(route.request.headers.get("upload-offset", 0)) == 0:
            route.continue_()
        else:
            held.append(route)

    page.route("**/api/v1/uploads/*", pass_on)
    return held


def goes_away(visitor: Visitor, held: list[Route]) -> None:
    """The connection is lost with a piece on its way, for so long that asking how much has arrived fails, too."""
    visitor.may_be_offline = True
    with visitor.page.expect_event("requestfailed", lambda request: request.method == "HEAD"):
        visitor.context.set_offline(True)
        held[-1].continue_()
    expect(visitor.page.get_by_role("list", name="上传列表")).to_contain_text("连接中断，恢复后自动继续")


def offsets(requests: list[Request]) -> list[int]:
    return [int(one.headers["upload-offset"]) for one in requests if one.method == "PATCH"]


def begins_and_hesitates(page: Page, path: Path) -> None:
    """Pause and go on before the server knows of the upload."""
    expect(page.get_by_text("还没有视频。")).to_be_visible()
    held = Hold(page, "**/api/v1/uploads")
    with page.expect_request("**/api/v1/uploads"):
        page.get_by_label("选择视频").set_input_files(path)
    page.get_by_role("button", name=f"暂停上传 {path.name}").click()
    page.get_by_role("button", name=f"继续上传 {path.name}").click()
    expect(page.get_by_role("button", name=f"暂停上传 {path.name}")).to_be_focused()
    held.release()


def ends_while_another_video_gets_its_look(page: Page, rest: Hold, name: str) -> None:
    """What arrives then is there to be chosen, and not chosen."""
    page.get_by_role("button", name=f"用 {name} 新建任务").click()
    expect(page.get_by_role("button", name="开始任务")).to_be_visible()
    rest.release()
    page.wait_for_function("() => localStorage.getItem('segfleet.uploads') === '{}'")  # it is forgotten when it is done
    page.get_by_role("button", name="1 视频").click()
    expect(page.get_by_role("checkbox", name="大视频.mp4")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name=name)).to_be_checked()
    expect(page.get_by_role("list", name="上传列表")).to_contain_text("已存入素材库")


def test_an_upload_goes_on_after_the_browser_was_closed(visit: Visit, site: Site, clip: Path, heavy_clip: Path) -> None:
    user = site.account("韩梅梅")
    with visit(locale="zh-CN") as visitor:
        visitor.go("/library")
        page = visitor.log_in("韩梅梅", PASSWORD, DOOR)
        held = stops_after_one_piece(page)
        with page.expect_request(lambda request: request.headers.get("upload-offset") == str(PIECE)):
            begins_and_hesitates(page, heavy_clip)
        bar = page.get_by_role("progressbar", name="大视频.mp4 的上传进度")
        expect(bar).to_have_attribute("aria-valuenow", "41")
        visitor.picture("uploading")
        page.get_by_role("button", name="暂停上传 大视频.mp4").click()
        expect(page.get_by_role("list", name="上传列表")).to_contain_text("已暂停")
        with page.expect_request(lambda request: request.headers.get("upload-offset") == str(PIECE)):
            page.get_by_role("button", name="继续上传 大视频.mp4").click()
        goes_away(visitor, held)
        with page.expect_request(lambda request: request.headers.get("upload-offset") == str(PIECE)):
            visitor.context.set_offline(False)
        page.close(run_before_unload=False)
        before = offsets(visitor.sent)
        assert len([one for one in visitor.sent if one.method == "POST" and one.url.endswith("/uploads")]) == 1
        visitor.sent.clear()
        other = user.upload(clip)
        page = visitor.page = visitor.context.new_page()
        visitor.go("/library")
        expect(page.get_by_text("以下上传曾被中断。")).to_be_visible()
        visitor.picture("resume")
        rest = Hold(page, "**/api/v1/uploads/*")
        page.get_by_label("重新选择 大视频.mp4 并继续上传").last.set_input_files(heavy_clip)
        ends_while_another_video_gets_its_look(page, rest, other["name"])
        page.get_by_role("link", name="素材库").first.click()
        expect(page.get_by_role("list", name="上传列表")).to_contain_text("已存入素材库")
        assert before[0] == 0
        assert offsets(visitor.sent)[0] >= PIECE
        sizes = [one["size"] for one in user.get("/videos").json()["items"]]
        assert sizes == [heavy_clip.stat().st_size, other["size"]]
        assert visitor.complaints() == []


def letter(page: Page) -> JSHandle:
    """A file as it is dropped that only says that it is a video."""
    return page.evaluate_handle(
        """() => {
          const carried = new DataTransfer();
          carried.items.add(new File(["亲爱的……".repeat(1000)], "一封信.mp4", {type: "video/mp4"}));
          return carried;
        }"""
    )


def test_what_is_too_large_or_no_video_is_refused_in_words(visit: Visit, site: Site, tmp_path: Path) -> None:
    site.account("张小刚")
    huge = tmp_path / "三个G.mp4"
    with huge.open("wb") as file:
        file.truncate(3_000_000_000)
    with visit(locale="zh-CN") as visitor:
        visitor.allowed |= {413, 422}
        visitor.go("/library")
        page = visitor.log_in("张小刚", PASSWORD, DOOR)
        page.get_by_label("选择视频").set_input_files(huge)
        page.locator(".drop").dispatch_event("drop", {"dataTransfer": letter(page)})
        listed = page.get_by_role("list", name="上传列表")
        expect(listed.get_by_role("listitem").filter(has_text="三个G")).to_contain_text(
            "文件超出了此处允许的 1 GB 上限。"
        )
        expect(listed.get_by_role("listitem").filter(has_text="一封信")).to_contain_text("该文件不是视频。")
        visitor.picture("refused")
        assert visitor.complaints() == []


def test_a_folder_becomes_a_batch(visit: Visit, site: Site, clip: Path, tmp_path: Path) -> None:
    user = site.account("林小红")
    folder = tmp_path / "一周"
    folder.mkdir()
    for day in ("周一.mp4", "周二.mp4"):
        (folder / day).write_bytes(clip.read_bytes())
    (folder / "便条.txt").write_text("不是视频")
    with visit(locale="zh-CN") as visitor:
        visitor.go("/new")
        page = visitor.log_in("林小红", PASSWORD, DOOR)
        page.get_by_label("选择文件夹").set_input_files(folder)
        expect(page.get_by_text("已跳过其他 1 个文件。")).to_be_visible()
        expect(page.get_by_text("已选择 2 个视频")).to_be_visible()
        page.get_by_role("button", name="下一步：选择背景").click()
        page.get_by_role("radio", name="模糊").check()
        page.get_by_role("button", name="开始 2 个任务").click()
        tasks = page.get_by_role("list", name="任务")
        expect(tasks.get_by_role("listitem").filter(has_text="已完成")).to_have_count(2)
        visitor.picture("batch")
        assert len(user.get("/tasks").json()["items"]) >= 2
        assert visitor.complaints() == []
