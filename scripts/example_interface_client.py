"""A complete Segfleet node on one page, to start your own from, in whatever language.

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
from collections.abc import Callable
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
speaking = threading.Lock()
state: Json = {"ahead": 0.0, "held": [], "work": None, "stop": None, "drain_at": None}


class Stopped(Exception):
    """The attempt is to end now; `state["stop"]` says how."""


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
        reply = ours(answer)
        if answer.status_code != 401 or reply["code"] != "clock_skew":
            answer.raise_for_status()
            return reply
        state["ahead"] = reply["params"]["server_time"] - time.monotonic()


def ours(answer: httpx.Response) -> Json:
    """The JSON of an answer. A proxy's page is no answer at all: neither a yes nor a no."""
    try:
        if answer.status_code < 500 and isinstance(found := answer.json(), dict):
            return found
    except ValueError:
        pass
    raise httpx.RemoteProtocolError(f"{answer.status_code} is no answer of the coordinator's")


def say(**more: Any) -> Json:
    """What every message has: who we are, and a number that only rises."""
    return {"interface_id": me["interface_id"], "boot_id": BOOT, "seq": next(numbers), **more}


def report(work: Json, **outcome: Any) -> None:
    """Say how an attempt is. The first report accepts it, one a second keeps it, the answer may cancel it."""
    with speaking:  # one report after the other, so that their numbers arrive in order
        if outcome["kind"] == "progress" and state["work"] is not work:
            return
        try:
            reply = post(work["callback_url"], say(attempt_id=work["attempt_id"], **outcome))
            state["stop"] = state["stop"] or ("cancelled" if reply["command"] == "cancel" else None)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 410:
                raise
            state["stop"] = "gone"  # the attempt is over: somebody else has it


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
                obey(reply)
        except httpx.HTTPError as error:
            print(f"not heard: {error}")
        time.sleep(1)


def obey(reply: Json) -> None:
    """What a heartbeat's answer orders: stop this, drop that, take nothing new."""
    held = {one["attempt_id"] for one in state["held"]}
    if held & set(reply["unknown_attempts"]):
        state["stop"] = "gone"
    elif held & {one["attempt_id"] for one in reply["commands"]}:
        state["stop"] = state["stop"] or "cancelled"
    deadline = reply["drain"] and time.monotonic() + reply["drain"]["deadline_s"]
    state["drain_at"] = min(filter(None, (state["drain_at"], deadline)), default=None) if deadline else None


def go_on() -> None:
    """Between two pieces of work: is the attempt still wanted, and is there time for it?"""
    if state["drain_at"] and time.monotonic() > state["drain_at"]:
        state["stop"] = state["stop"] or "released"
    if state["stop"]:
        raise Stopped


def segment(video: bytes) -> bytes:
    """The pixels would be here."""
    return video


def patiently(once: Callable[[], int], whole: int) -> None:
    """Call `once`, which answers how far it is, until that is `whole`, however often the connection breaks."""
    done = 0
    while done < whole:
        go_on()
        try:
            done = once()
        except httpx.HTTPError as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
                raise  # a repeat would not change it
            time.sleep(1)


def fetch(work: Json, token: Json) -> bytes:
    """The source, from where the connection broke."""
    video = bytearray()

    def once() -> int:
        place = {"range": f"bytes={len(video)}-"} if video else {}
        with HTTP.stream("GET", URL + work["source"]["url"], headers={**token, **place}) as answer:
            if answer.status_code == 200:
                video.clear()
            for chunk in answer.raise_for_status().iter_bytes():
                video.extend(chunk)
                go_on()
        return len(video)

    patiently(once, work["source"]["size"])
    return bytes(video)


def upload(work: Json, token: Json, result: bytes) -> None:
    """Pieces, one after the other; after a lost answer the coordinator says where it stands."""
    done = 0

    def once() -> int:
        nonlocal done
        piece = result[done : done + PIECE]
        place = {"content-range": f"bytes {done}-{done + len(piece) - 1}/{len(result)}"}
        answer = HTTP.put(URL + work["upload_urls"]["composite"], content=piece, headers={**token, **place})
        reply = ours(answer)
        if answer.status_code == 409:
            done = reply["params"]["received"]
        else:
            answer.raise_for_status()
            done = reply["received"]
        return int(done)

    patiently(once, len(result))


def do(work: Json) -> Json:
    """Fetch and check the source, segment it, upload the result; what to report."""
    if work["kind"] != "segment" or work["outputs"] != ["composite"]:
        return {"kind": "failed", "error": {"code": "unsupported_output", "error_class": "unsupported"}}
    if (work["range"]["start_pts"], work["range"]["end_pts"]) != (None, None):  # copying bytes cuts no video
        return {"kind": "failed", "error": {"code": "unsupported_step", "error_class": "unsupported"}}
    token = {"authorization": f"Bearer {work['attempt_token']}"}  # httpx keeps it from other origins on a redirect
    video = fetch(work, token)
    if hashlib.sha256(video).hexdigest() != work["source"]["sha256"]:
        return {"kind": "failed", "error": {"code": "source_mismatch", "error_class": "node"}}
    result, span = segment(video), work["range"]
    upload(work, token, result)
    frames, pts = span["frames"], (span["last_pts"] or 0) - (span["first_pts"] or 0)
    seconds = float(pts * Fraction(span["time_base"]) * frames / max(frames - 1, 1))
    made = {"output": "composite", "sha256": hashlib.sha256(result).hexdigest(), "size": len(result)}
    made |= {"frames": frames, "duration": seconds, "first_pts": span["first_pts"], "last_pts": span["last_pts"]}
    return {"kind": "completed", "frames_done": frames, "frames_total": frames, "artifacts": [made]}


def attempt(work: Json) -> None:
    """One attempt from its acceptance to its acknowledged end, which is said until it is heard."""
    held = {"attempt_id": work["attempt_id"]}
    state.update(work=work, held=[held], stop=None)
    try:
        outcome = do(work)
    except Stopped:
        outcome = {"kind": state["stop"]}
    except httpx.HTTPError as error:
        outcome = {"kind": "failed", "error": {"code": "internal", "detail": str(error), "error_class": "node"}}
    state.update(work=None, held=[{**held, "outcome_pending": True}])
    while state["held"]:
        try:
            if state["stop"] != "gone":
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
            if state["drain_at"]:
                time.sleep(1)
                continue
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
