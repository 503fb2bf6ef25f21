"""tus before anybody has logged in: what the server can, and which version it speaks."""

import httpx
import pytest

from tests.coordinator.conftest import Server


def test_a_server_says_what_it_can_to_anybody(shared_server: Server) -> None:
    for path in ("", "/anything"):
        answer = httpx.options(f"{shared_server.url}/api/v1/uploads{path}")
        assert answer.status_code == 204
        said = {name: answer.headers[f"tus-{name}"] for name in ("resumable", "version", "max-size")}
        assert said == {"resumable": "1.0.0", "version": "1.0.0", "max-size": str(100 << 20)}
        assert set(answer.headers["tus-extension"].split(",")) == {
            *("creation", "creation-with-upload", "expiration", "termination", "checksum"),
        }
        assert set(answer.headers["tus-checksum-algorithm"].split(",")) == {"sha1", "sha256"}


@pytest.mark.parametrize("version", [None, "0.2.2"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_another_version_is_refused_before_anything_else(
    shared_server: Server, method: str, version: str | None
) -> None:
    headers = {"Tus-Resumable": version} if version else {}
    with shared_server.client() as nobody:
        answer = nobody.request(method, "/uploads/x", headers=headers)
    assert answer.headers["tus-resumable"] == "1.0.0"
    if method == "DELETE" and version is None:
        assert answer.status_code == 401  # it is no other DELETE than elsewhere
    else:
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
