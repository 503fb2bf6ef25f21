"""A node that somebody else wrote: httpx, `protocol.signing`, and JSON as documented. Every word is said by hand.

Each one offers a model of its own, so that only the tasks of its test come to it.
"""

import hashlib
import json
import time
import uuid
from fractions import Fraction
from typing import Any

import httpx

from protocol import signing
from tests.system.coordinator import CLUSTER
from tests.system.patience import until

API = "/api/v1/interfaces"
Json = dict[str, Any]


class ThirdParty:
    """`join` first. `base` is the coordinator's address."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, timeout=60, trust_env=False)
        self.model = f"m-{uuid.uuid4().hex[:12]}"
        self.node_id = str(uuid.uuid4())
        self.boot_id = uuid.uuid4().hex
        self.interface_id = ""
        self.secret = ""
        self._seq = 0

    def say(self, **more: Any) -> Json:
        """What every message has."""
        self._seq += 1
        return {"interface_id": self.interface_id, "boot_id": self.boot_id, "seq": self._seq, **more}

    def registration(self, **more: Any) -> Json:
        """The body of `register`."""
        body = {"node_id": self.node_id, "boot_id": self.boot_id, "name": f"third party {self.model}", "slots": 1}
        body |= {"software_version": "0", "protocol_version": 1}
        return {**body, "models": [{"name": self.model, "provider": "by hand"}], **more}

    def register(self, cluster: str = CLUSTER, **more: Any) -> httpx.Response:
        """Ask to join."""
        headers = {"Authorization": f"Bearer {cluster}"}
        return self.http.post(f"{API}/register", json=self.registration(**more), headers=headers)

    def join(self, **more: Any) -> "ThirdParty":
        """Join and remember who we are."""
        answer = self.register(**more).raise_for_status().json()
        self.interface_id, self.secret = answer["interface_id"], answer["secret"]
        return self

    def signed(self, path: str, data: bytes, *, sent_to: str = "", ago_s: float = 0.0, secret: str = "") -> Json:
        """Headers of one POST of `data`; the rest makes them wrong."""
        headers = signing.sign(
            secret or self.secret,
            "to-coordinator",
            message_id=f"msg_{uuid.uuid4().hex}",
            now=time.time() - ago_s,
            method="POST",
            path=sent_to or path,
            body=data,
        )
        return {**headers, signing.INTERFACE_HEADER: self.interface_id, "content-type": "application/json"}

    def post(self, path: str, body: Json | bytes, **wrong: Any) -> httpx.Response:
        """A signed POST; `wrong` as in `signed`."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(path, content=data, headers=self.signed(path, data, **wrong))

    def ask(self, **more: Any) -> Json:
        """One poll of the pull lane that does not wait."""
        body = self.say(**{"free_slots": 1, "wait_s": 0.2, "attempts": [], **more})
        return dict(self.post(f"{API}/next", body).raise_for_status().json())

    def offered(self, task_id: str) -> Json:
        """The offer of a task's step."""

        def look() -> Json | None:
            return next((work for work in self.ask()["assignments"] if work["task_id"] == task_id), None)

        return until(look, 20, "the step is offered")

    def report(self, work: Json, kind: str = "progress", **more: Any) -> httpx.Response:
        """A callback."""
        return self.post(work["callback_url"], self.say(attempt_id=work["attempt_id"], kind=kind, **more))

    def put(self, work: Json, data: bytes, *, offset: int = 0, total: int | None = None, **more: str) -> httpx.Response:
        """One piece of the composite; `token` and `url` may be others than the work's."""
        size = len(data) if total is None else total
        place = f"bytes {offset}-{offset + len(data) - 1}/{size}"
        headers = {"Authorization": f"Bearer {more.get('token', work['attempt_token'])}", "Content-Range": place}
        return self.http.put(more.get("url", work["upload_urls"]["composite"]), content=data, headers=headers)

    def complete(self, work: Json, data: bytes, **changes: Any) -> httpx.Response:
        """Report a composite that was sent; `changes` lie about it."""
        return self.report(work, "completed", **finished(work, data, **changes))


def finished(work: Json, data: bytes, **changes: Any) -> Json:
    """What a truthful node says of `data` at the end."""
    span = work["range"] or {"frames": 1, "time_base": "1/1", "first_pts": 0, "last_pts": 0}
    length = ((span["last_pts"] or 0) - (span["first_pts"] or 0)) * Fraction(span["time_base"])
    made = {
        "output": work["outputs"][0],
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "frames": span["frames"],
        "duration": float(length),
        **changes,
    }
    return {"frames_done": span["frames"], "frames_total": span["frames"], "artifacts": [made]}


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which must be a whole problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert answer.headers["x-request-id"]
    return answer.status_code, str(body["code"])
