from collections.abc import Iterator

import httpx
import pytest

from tests.coordinator.api.test_auth import code
from tests.coordinator.conftest import ADMIN, MakeSettings, Serve


@pytest.fixture
def client(make_settings: MakeSettings, serve: Serve, database_url: str) -> Iterator[httpx.Client]:
    """An administrator of a coordinator on each kind of database."""
    with serve(make_settings(DATABASE_URL=database_url)) as server, server.client(server.login(*ADMIN)) as client:
        yield client


def test_what_is_no_text_is_refused_before_it_reaches_a_database(client: httpx.Client) -> None:
    for path in ("/admin/users/%00", "/auth/keys/a%00b", "/tasks/%0a", "/videos/%7f"):
        assert code(client.delete(path))[1] in {"not_found", "method_not_allowed"}
    refused = client.get("/admin/users?q=%00")
    assert code(refused) == (422, "invalid_request")
    assert refused.json()["errors"][0]["code"] == "control_character"
    for name in (r'"a\u0000bcd"', r'"abc\ud800"'):
        body = f'{{"username": {name}, "password": "long enough for all"}}'
        for route in ("/auth/login", "/auth/register"):
            answer = client.post(route, content=body, headers={"Content-Type": "application/json"})
            assert code(answer) == (422, "invalid_request")
            assert answer.json()["errors"][0]["code"] == "not_text"
    assert client.post("/auth/keys", json={"name": "ключ 🔑"}).status_code == 201
    assert client.get("/admin/users", params={"q": "ключ 🔑"}).json()["items"] == []
