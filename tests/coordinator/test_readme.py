"""What the README tells people to write works as it stands there."""

import time
from pathlib import Path
from typing import Any

from coordinator.gateway.webhook_signing import fresh_secret, sign

README = (Path(__file__).resolve().parents[2] / "coordinator" / "README.md").read_text(encoding="utf-8")
BODY = '{"type":"task.completed","data":{"task_id":"t"}}'


def test_the_example_of_a_receiver_takes_each_message_once_and_refuses_what_is_none() -> None:
    secret, done = fresh_secret(), []
    example = README.partition("```python\nfrom standardwebhooks")[2].partition("```")[0]
    names: dict[str, Any] = {"seen": set(), "work_on": lambda kind, data: done.append((kind, data))}
    exec(f"from standardwebhooks{example}".replace("whsec_...", secret), names)  # noqa: S102 - our own page
    headers = sign([secret], "msg_1", time.time(), BODY)
    receive = names["receive"]
    assert [receive(BODY.encode(), headers) for _ in range(2)] == [204, 204]
    assert done == [("task.completed", {"task_id": "t"})]
    assert receive(BODY.encode() + b" ", headers) == 401
    assert receive(b"\xff", headers) == 401
    assert receive(BODY.encode(), {**headers, "webhook-signature": "v1,nonsense v1"}) == 401
    assert receive(BODY.encode(), {}) == 401
