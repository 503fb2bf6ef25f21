"""A complete Segfleet node in about a hundred lines, to start your own from, in whatever language.

It needs httpx and the standard library only, and asks for its work (the pull lane), so it listens on no port. Its
"segmentation" is the identity: the composite is the source file, byte for byte, which has the right frames at the
right times. Replace `segment`, and you have a real node.

    COORDINATOR_URL=http://127.0.0.1:6001 INTERFACE_IDENTIFICATION=... python scripts/example_interface_client.py
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import signal
import sys
import threading
import time
import uuid
from fractions import Fraction
from typing import Any

import httpx

URL = os.environ.get("COORDINATOR_URL", "http://127.0.0.1:6001").rstrip("/")
CLUSTER = os.environ.get("INTERFACE_IDENTIFICATION", "wingerboy")
API = "/api/v1/interfaces"
PIECE = 8 * 1024 * 1024
BOOT = uuid.uuid4().hex  # new at each start: the coordinator tells our lives apart by it
HTTP = httpx.Client(timeout=httpx.Timeout(5, read=35), follow_redirects=True)
Json = dict[str, Any]
me: Json = {}  # the answer to our registration
numbers = itertools.count(1)
state: Json = {"ahead": 0.0, "held": [], "work": None, "cancelled": False}


def register() -> None:
    """Join. A real node keeps node_id and secret on disk and signs this request too, so that it stays the same node."""
    body = {"node_id": str(uuid.uuid4()), "boot_id": BOOT, "name": "example", "slots": 1, "protocol_version": 1}
    body |= {"software_version": "1", "models": [{"name": "selfie", "provider": "identity"}]}
    answer = HTTP.post(f"{URL}{API}/register", json=body, headers={"authorization": f"Bearer {CLUSTER}"})
    me.update(answer.raise_for_status().json())
    state["ahead"] = me["server_time"] - time.monotonic()  # nodes own no clock: the coordinator's counts


def post(path: str, body: Json) -> Json:
    """Send a signed message. The signature covers id, time, route and body: it is good for this one request."""
    data = json.dumps(body).encode()
    while True:
        message, now = f"msg_{uuid.uuid4().hex}", str(int(time.monotonic() + state["ahead"]))
        content = f"{message}.{now}.POST {path}\n{hashlib.sha256(data).hexdigest()}"
        key = hmac.digest(me["secret"].encode(), b"to-coordinator", "sha256")
        mac = base64.b64encode(hmac.digest(key, content.encode(), "sha256")).decode()
        headers = {"webhook-id": message, "webhook-timestamp": now, "webhook-signature": f"v1,{mac}"}
        answer = HTTP.post(URL + path, content=data, headers={**headers, "segfleet-interface": me["interface_id"]})
        if answer.status_code != 401 or answer.json()["code"] != "clock_skew":
            return dict(answer.raise_for_status().json())
        state["ahead"] = answer.json()["params"]["server_time"] - time.monotonic()


def say(**more: Any) -> Json:
    """What every message has: who we are, and a number that only rises."""
    return {"interface_id": me["interface_id"], "boot_id": BOOT, "seq": next(numbers), **more}


def report(work: Json, **outcome: Any) -> None:
    """Say how an attempt is. The first report accepts it, one a second keeps it, the answer may cancel it."""
    try:
        reply = post(work["callback_url"], say(attempt_id=work["attempt_id"], **outcome))
        state["cancelled"] |= reply["command"] == "cancel"
    except httpx.HTTPStatusError as error:
        if error.response.status_code != 410:
            raise
        state["cancelled"] = True  # the attempt is over: somebody else has it


def live() -> None:
    """For ever: a progress report each second while there is work, and the heartbeat."""
    due = 0.0
    while True:
        try:
            if work := state["work"]:
                report(work, kind="progress", stage="process")
            if time.monotonic() >= due:
                reply = post(f"{API}/heartbeat", say(attempts=state["held"]))
                due = time.monotonic() + min(reply["next_heartbeat_s"], me["lease_s"] / 3)
        except httpx.HTTPError as error:
            print(f"not heard: {error}")
        time.sleep(1)


def segment(video: bytes) -> bytes:
    """The pixels would be here."""
    return video


def do(work: Json) -> Json:
    """Fetch and check the source, segment it, upload the result in pieces; what to report."""
    if work["kind"] != "segment" or work["outputs"] != ["composite"]:
        return {"kind": "failed", "error": {"code": "unsupported_output", "error_class": "unsupported"}}
    token = {"authorization": f"Bearer {work['attempt_token']}"}  # httpx keeps it from other origins on a redirect
    video = HTTP.get(URL + work["source"]["url"], headers=token).raise_for_status().content
    if hashlib.sha256(video).hexdigest() != work["source"]["sha256"]:
        return {"kind": "failed", "error": {"code": "source_mismatch", "error_class": "node"}}
    result, span, done = segment(video), work["range"], 0
    while done < len(result) and not state["cancelled"]:
        piece = result[done : done + PIECE]
        place = {"content-range": f"bytes {done}-{done + len(piece) - 1}/{len(result)}"}
        answer = HTTP.put(URL + work["upload_urls"]["composite"], content=piece, headers={**token, **place})
        if answer.status_code == 409:  # the coordinator stands elsewhere: go on there
            done = answer.json()["params"]["received"]
        else:
            done = answer.raise_for_status().json()["received"]
    if state["cancelled"]:
        return {"kind": "cancelled"}
    frames, pts = span["frames"], (span["last_pts"] or 0) - (span["first_pts"] or 0)
    seconds = float(pts * Fraction(span["time_base"]) * frames / max(frames - 1, 1))
    made = {"output": "composite", "sha256": hashlib.sha256(result).hexdigest(), "size": len(result)}
    made |= {"frames": frames, "duration": seconds, "first_pts": span["first_pts"], "last_pts": span["last_pts"]}
    return {"kind": "completed", "frames_done": frames, "frames_total": frames, "artifacts": [made]}


def attempt(work: Json) -> None:
    """One attempt from its acceptance to its acknowledged end, which is said until it is heard."""
    held = {"attempt_id": work["attempt_id"]}
    state.update(work=work, held=[held], cancelled=False)
    try:
        outcome = do(work)
    except httpx.HTTPError as error:
        outcome = {"kind": "failed", "error": {"code": "internal", "detail": str(error), "error_class": "node"}}
    state.update(work=None, held=[{**held, "outcome_pending": True}])
    while state["held"]:
        try:
            report(work, **outcome)
            state["held"] = []
        except httpx.HTTPError as error:
            print(f"not heard: {error}")
            time.sleep(1)


def main() -> None:
    """Register, live, take one piece of work after another, and leave when told to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    register()
    threading.Thread(target=live, daemon=True).start()
    try:
        while True:
            try:
                for work in post(f"{API}/next", say(free_slots=1, attempts=[]))["assignments"]:
                    attempt(work)
            except httpx.HTTPError as error:
                print(f"not heard: {error}")
                time.sleep(1)
    finally:
        post(f"{API}/leave", say())  # whatever we held is offered to somebody else at once


if __name__ == "__main__":
    main()
