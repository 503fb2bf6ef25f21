"""Links that `<video>` and `<img>` open: ranges, caches, time, and nobody's hands on them."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.contract.conftest import Json
from tests.contract.third_party import ThirdParty, problem
from tests.system.coordinator import Client


@pytest.fixture(params=["video", "thumbnail", "result"])
def link(request: pytest.FixtureRequest, user: Client, node: ThirdParty, video: Json, clip: Path) -> str:
    """A link as the API shows it."""
    if request.param == "video":
        return str(video["url"])
    if request.param == "thumbnail":
        return str(video["thumbnail_url"])
    work = node.offered(user.submit(video["id"], model=node.model))
    node.put(work, clip.read_bytes())
    node.complete(work, clip.read_bytes())
    return str(user.ended(work["task_id"])["results"]["composite"]["url"])


def get(link: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask without any login."""
    return httpx.request(method, link, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_link_needs_no_login_and_gives_ranges_and_its_etag(link: str) -> None:
    whole = get(link)
    assert whole.status_code == 200
    assert len(whole.content) == int(whole.headers["content-length"]) > 100
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.headers["content-type"] in {"video/mp4", "image/jpeg"}
    part = get(link, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    beyond = get(link, Range=f"bytes={len(whole.content)}-")
    assert beyond.status_code == 416
    same = get(link, If_None_Match=whole.headers["etag"])
    assert (same.status_code, same.content) == (304, b"")
    assert get(link, If_None_Match='"another"').status_code == 200
    head = get(link, "HEAD")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", whole.headers["etag"])
    assert head.headers["content-length"] == whole.headers["content-length"]


def test_a_link_that_somebody_touched_opens_nothing(link: str, video: Json) -> None:
    parts = urlsplit(link)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    bare = f"{parts.scheme}://{parts.netloc}{parts.path}"
    other = "A" if asked["sig"][0] != "A" else "B"
    for wrong in (
        bare,
        f"{bare}?exp={asked['exp']}",
        f"{bare}?exp={int(asked['exp']) + 1}&sig={asked['sig']}",
        f"{bare}?exp={asked['exp']}&sig={other}{asked['sig'][1:]}",
        f"{bare}?exp=1&sig={asked['sig']}",
        f"{bare}?exp=1e9&sig={asked['sig']}",
        link.replace(parts.path, parts.path[:-1] + ("0" if parts.path[-1] != "0" else "1")),
    ):
        assert problem(get(wrong)) == (403, "link_expired")


def test_links_are_stable_for_caches(user: Client, video: Json) -> None:
    seen = [user.get(f"/videos/{video['id']}").json()["url"] for _ in range(3)]
    # one of the few moments of a day at which links change may lie between two looks, but not between three
    assert seen[0] == seen[1] or seen[1] == seen[2]


def test_a_download_has_the_files_name(video: Json) -> None:
    answer = get(f"{video['url']}&download=1")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "clip.mp4" in answer.headers["content-disposition"]
