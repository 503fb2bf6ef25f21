import re
from pathlib import Path

from coordinator.api import pages
from coordinator.api.routes.pages import ADDRESSES, policy
from tests.coordinator.conftest import Server

LOADED_FIRST = 150_000


def test_every_address_of_the_pages_is_answered_with_the_document(shared_server: Server) -> None:
    with shared_server.client() as client:
        answers = [client.get(f"{shared_server.url}{path.replace('{rest:path}', 'some/where')}") for path in ADDRESSES]
        missing = client.get(f"{shared_server.url}/no/such/page")
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert missing.json()["code"] == "not_found"


def test_the_document_allows_nothing_that_is_not_ours(shared_server: Server) -> None:
    with shared_server.client() as client:
        answer = client.get(f"{shared_server.url}/")
    rules = answer.headers["content-security-policy"]
    assert "default-src 'none'" in rules
    assert "script-src 'self'" in rules
    assert "frame-ancestors 'none'" in rules
    assert "unsafe" not in rules
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script>|<style|\son\w+=|style=|https?://", answer.text)


def test_a_strange_host_does_not_get_into_the_policy() -> None:
    assert "ws://pages.example:8443 " in policy("pages.example:8443") + " "
    assert "evil" not in policy("evil; script-src *")


def test_assets_never_change_below_their_version_and_are_not_kept_below_another(shared_server: Server) -> None:
    version = pages.site().version
    with shared_server.client() as client:
        mine = client.get(f"{shared_server.url}/web/{version}/main.js")
        other = client.get(f"{shared_server.url}/web/before/main.js")
        again = client.get(f"{shared_server.url}/web/before/main.js", headers={"If-None-Match": mine.headers["etag"]})
        missing = client.get(f"{shared_server.url}/web/{version}/README.md")
    assert "immutable" in mine.headers["cache-control"]
    assert other.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert missing.status_code == 404


def test_what_is_loaded_first_is_small(shared_server: Server) -> None:
    """The document, all styles, and the modules and words of the shell and of the list of tasks, compressed."""
    site = pages.site()
    document = site.index.plain.decode()
    named = re.findall(rf"/web/{site.version}/([\w./]+)", document)
    more = ["pages/tasks.js", "pages/not_found.js", "parts/tasks.js", "parts/preview.js", "parts/choice.js"]
    words = [f"words/zh/{area}.json" for area in ("shell", "problems", "tasks")]
    sizes = [len(site.assets[name].packed) for name in [*named, *more, *words] if name in site.assets]
    assert len(sizes) > 15
    assert len(site.index.packed) + sum(sizes) < LOADED_FIRST


def test_another_byte_makes_another_version(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<script src=/web/VERSION/main.js></script>")
    (tmp_path / "main.js").write_text("one()")
    before = pages.read(tmp_path)
    (tmp_path / "main.js").write_text("two()")
    after = pages.read(tmp_path)
    assert before.version != after.version
    assert before.version in before.index.plain.decode()
    assert "VERSION" not in after.index.plain.decode()
