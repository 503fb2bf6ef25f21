"""What an answer of the coordinator means, and who is to see the token."""

import httpx
import pytest

from interface_node.coordinator_client import answers
from interface_node.coordinator_client.answers import (
    CoordinatorError,
    Gone,
    NotKnown,
    Refused,
    Unreachable,
    WrongOffset,
)
from protocol.problems import PROBLEMS
from protocol.reports import PieceReply


def problem(code: str, **params: object) -> httpx.Response:
    """A problem as the coordinator writes it."""
    kind = PROBLEMS[code]
    body = {"type": f"/problems#{code}", "title": kind.en, "status": kind.status, "code": code, "params": params}
    return httpx.Response(kind.status, json=body)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (problem("gone"), Gone),
        (problem("bad_signature"), NotKnown),
        (problem("not_found"), NotKnown),
        (problem("wrong_offset", received=5), WrongOffset),
        (problem("wrong_offset"), Refused),
        (problem("revoked"), Refused),
        (problem("artifact_too_large"), Refused),
        (problem("rate_limited"), Unreachable),
        (problem("storage_unavailable"), Unreachable),
        (problem("disk_full"), Unreachable),
        (httpx.Response(410, text="<html>gone fishing</html>"), Unreachable),
        (httpx.Response(404, text="<html>nginx</html>"), Unreachable),
        (httpx.Response(502, text="<html>bad gateway</html>"), Unreachable),
        (httpx.Response(200, text="<html>log in to the hotel network</html>"), Unreachable),
        (httpx.Response(200, json={"received": -1}), Unreachable),
    ],
)
def test_only_the_coordinators_own_words_count(answer: httpx.Response, meaning: type[CoordinatorError]) -> None:
    with pytest.raises(CoordinatorError) as caught:
        answers.parsed(PieceReply, answer)
    assert type(caught.value) is meaning


def test_a_whole_answer_is_parsed_and_fields_of_tomorrow_are_ignored() -> None:
    assert answers.parsed(PieceReply, httpx.Response(200, json={"received": 7, "tomorrow": 1})).received == 7


@pytest.mark.parametrize(
    ("location", "keeps_the_token"),
    [
        ("/elsewhere", True),
        ("http://here:6001/elsewhere", True),
        ("http://here:6002/elsewhere", False),
        ("https://here:6001/elsewhere", False),
        ("http://there/elsewhere", False),
    ],
)
def test_the_token_stays_with_its_origin(location: str, keeps_the_token: bool) -> None:
    answer = httpx.Response(307, headers={"location": location})
    headers = {"authorization": "Bearer token", "range": "bytes=5-"}
    target, sent = answers.followed("http://here:6001/files/x", answer, headers)
    assert target.endswith("/elsewhere")
    assert ("authorization" in sent) is keeps_the_token
    assert sent["range"] == "bytes=5-"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://there/x", "javascript:1"])
def test_a_redirect_leads_to_http_only(location: str) -> None:
    with pytest.raises(Unreachable):
        answers.followed("http://here/x", httpx.Response(307, headers={"location": location}), {})


@pytest.mark.anyio
async def test_an_answer_says_where_its_bytes_belong_and_of_what_file_they_are() -> None:
    part = {"content-range": "bytes 5-7/20", "etag": '"x"'}
    found = await answers.opened(httpx.Response(206, headers=part, content=b"abc"))
    assert (found.start, found.partial, found.total, found.etag) == (5, True, 20, '"x"')
    unknown = await answers.opened(httpx.Response(206, headers={"content-range": "bytes 5-7/*"}, content=b"abc"))
    assert (unknown.start, unknown.total, unknown.etag) == (5, None, None)
    whole = await answers.opened(httpx.Response(200, content=b"abc"))
    assert (whole.start, whole.partial, whole.total) == (0, False, 3)


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["", "bytes", "bytes */20", "lines 5-7/20"])
async def test_a_part_without_its_place_is_none(text: str) -> None:
    with pytest.raises(Unreachable):
        await answers.opened(httpx.Response(206, headers={"content-range": text}, content=b"abc"))


def test_entity_tags_are_quoted_once() -> None:
    assert [answers.quoted(tag) for tag in ("abc", '"abc"', 'W/"abc"')] == ['"abc"', '"abc"', 'W/"abc"']
