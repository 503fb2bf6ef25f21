"""Who speaks as a node: the cluster string, signatures for one route and one time, attempts that are over."""

import uuid
from collections.abc import Iterator

import pytest

from protocol import signing
from tests.contract.conftest import Json, Start
from tests.contract.third_party import API, ThirdParty, problem
from tests.system.coordinator import Client, Coordinator

HEARTBEAT = f"{API}/heartbeat"


@pytest.fixture
def work(node: ThirdParty, start: Start) -> Json:
    """An offer to `node`, which it has not yet answered."""
    return node.offered(start())


def state_of(coordinator: Coordinator, work: Json) -> Json:
    """The attempt's row."""
    return coordinator.rows("SELECT * FROM attempts WHERE id = ?", work["attempt_id"])[0]


@pytest.mark.parametrize("given", ["wrong", "cluster string of the test", "cluster string of the tests2"])
def test_a_wrong_cluster_string_makes_no_node(coordinator: Coordinator, newcomer: ThirdParty, given: str) -> None:
    before = coordinator.ledger()
    assert problem(newcomer.register(given)) == (401, "bad_cluster_string")
    bare = newcomer.http.post(f"{API}/register", json=newcomer.registration())
    assert problem(bare) == (401, "bad_cluster_string")
    assert coordinator.ledger() == before


def test_a_registration_that_cannot_be_is_refused(coordinator: Coordinator, newcomer: ThirdParty) -> None:
    before, new = coordinator.ledger(), newcomer
    assert problem(new.register(protocol_version=99)) == (422, "unsupported_protocol")
    assert problem(new.register(slots=0)) == (422, "invalid_request")
    assert problem(new.register(node_id="../../etc/passwd")) == (422, "invalid_request")
    assert problem(new.register(address="http://169.254.169.254/latest")) == (422, "address_refused")
    assert coordinator.ledger() == before


@pytest.fixture(params=["heartbeat", "next", "leave", "callback"])
def message(request: pytest.FixtureRequest, node: ThirdParty, work: Json) -> Iterator[tuple[str, Json]]:
    """Each signed route with a body that would be right."""
    if request.param == "callback":
        yield work["callback_url"], node.say(attempt_id=work["attempt_id"], kind="progress")
    else:
        yield f"{API}/{request.param}", node.say(attempts=[], free_slots=0)


def test_a_message_without_a_signature_changes_nothing(
    coordinator: Coordinator, node: ThirdParty, work: Json, message: tuple[str, Json]
) -> None:
    path, body = message
    assert problem(node.http.post(path, json=body)) == (401, "bad_signature")
    named = {signing.INTERFACE_HEADER: node.interface_id}
    assert problem(node.http.post(path, json=body, headers=named)) == (401, "bad_signature")
    assert state_of(coordinator, work)["state"] == "offered"


def test_a_signature_of_another_route_body_secret_or_direction_is_wrong(
    coordinator: Coordinator, node: ThirdParty, work: Json, message: tuple[str, Json]
) -> None:
    path, body = message
    for other in (f"{API}/elsewhere", f"{path}?x=1", f"{path}/"):
        assert problem(node.post(path, body, sent_to=other)) == (401, "bad_signature")
    assert problem(node.post(path, body, secret="another secret")) == (401, "bad_signature")
    headers = node.signed(path, b'{"another": "body"}')
    assert problem(node.http.post(path, json=body, headers=headers)) == (401, "bad_signature")
    assert state_of(coordinator, work)["state"] == "offered"


def test_an_old_timestamp_is_told_the_time_and_a_fresh_one_is_heard(
    coordinator: Coordinator, node: ThirdParty, work: Json
) -> None:
    body = node.say(attempt_id=work["attempt_id"], kind="progress")
    for ago in (310.0, -310.0):
        late = node.post(work["callback_url"], body, ago_s=ago)
        assert problem(late) == (401, "clock_skew")
        assert late.json()["params"]["server_time"] > 0
    assert state_of(coordinator, work)["state"] == "offered"
    assert node.post(work["callback_url"], body, ago_s=290).json() == {"command": "continue"}
    assert state_of(coordinator, work)["state"] == "running"


def test_a_stale_or_foreign_attempt_is_gone(
    coordinator: Coordinator, node: ThirdParty, newcomer: ThirdParty, work: Json
) -> None:
    other = newcomer.join()
    body = other.say(attempt_id=work["attempt_id"], kind="completed")
    assert problem(other.post(work["callback_url"], body)) == (410, "gone")
    unknown = uuid.uuid4().hex
    body = node.say(attempt_id=unknown, kind="failed")
    assert problem(node.post(f"{API}/callbacks/{unknown}", body)) == (410, "gone")
    body = node.say(attempt_id=unknown, kind="progress")
    assert problem(node.post(work["callback_url"], body)) == (422, "invalid_request")
    assert state_of(coordinator, work)["state"] == "offered"


def test_a_callback_with_fields_of_tomorrow_is_heard_and_broken_json_is_not(
    coordinator: Coordinator, node: ThirdParty, work: Json
) -> None:
    path = work["callback_url"]
    assert problem(node.post(path, b'{"attempt_id": ')) == (400, "broken_json")
    assert problem(node.post(path, b"\xff")) == (400, "broken_json")
    assert problem(node.post(path, node.say(attempt_id=work["attempt_id"], kind="exploded")))[1] == "invalid_request"
    huge = node.say(attempt_id=work["attempt_id"], kind="progress", frames_done=2**63)
    assert problem(node.post(path, huge)) == (422, "invalid_request")
    assert state_of(coordinator, work)["state"] == "offered"
    assert node.report(work, stage="process", a_field_of_tomorrow={"x": 1}).json() == {"command": "continue"}


def test_a_body_of_more_than_a_mebibyte_is_refused(node: ThirdParty, work: Json) -> None:
    body = node.say(attempt_id=work["attempt_id"], kind="progress", message="x" * (1 << 20))
    assert problem(node.post(work["callback_url"], body)) == (413, "too_large")


def test_a_nodes_words_are_stripped_and_bounded(user: Client, node: ThirdParty, start: Start) -> None:
    task_id = start()
    for _ in range(3):
        work = node.offered(task_id)
        error = {"code": "broken_media", "detail": "bad\x1b[31m \x00 file", "error_class": "input"}
        node.report(work, "failed", error=error)
        if user.task(task_id)["state"] == "failed":
            break
    task = user.task(task_id)
    assert (task["state"], task["error"]["code"]) == ("failed", "broken_media")
    assert "\x1b" not in task["error"]["detail"]
    assert "\x00" not in task["error"]["detail"]


@pytest.mark.parametrize("kind", ["failed", "released"])
def test_a_repeated_callback_changes_nothing_and_gets_the_same_answer(
    coordinator: Coordinator, user: Client, node: ThirdParty, start: Start, kind: str
) -> None:
    work = node.offered(start())
    error = {"error": {"code": "out_of_memory", "error_class": "resources"}} if kind == "failed" else {}
    body = node.say(attempt_id=work["attempt_id"], kind=kind, **error)
    first = node.post(work["callback_url"], body)
    assert first.json() == {"command": "continue"}
    row, step = state_of(coordinator, work), coordinator.rows("SELECT * FROM steps WHERE id = ?", work["step_id"])
    events = coordinator.ledger()["events"]
    for _ in range(3):
        again = node.post(work["callback_url"], body)
        assert (again.status_code, again.content) == (first.status_code, first.content)
    assert state_of(coordinator, work) == row
    assert coordinator.rows("SELECT * FROM steps WHERE id = ?", work["step_id"]) == step
    assert coordinator.ledger()["events"] == events
    assert user.task(work["task_id"])["state"] == "waiting"


def test_an_older_number_changes_nothing(coordinator: Coordinator, user: Client, node: ThirdParty, work: Json) -> None:
    old = node.say(attempt_id=work["attempt_id"], kind="progress", frames_done=3)
    node.report(work, frames_done=9, frames_total=24, stage="process")
    assert node.post(work["callback_url"], old).json() == {"command": "continue"}
    assert node.report(work, frames_done=10, stage="process").json() == {"command": "continue"}
    from_database = coordinator.rows("SELECT seq FROM attempts WHERE id = ?", work["attempt_id"])
    assert from_database[0]["seq"] != old["seq"]
    assert user.task(work["task_id"])["frames_done"] != 3


def test_a_signed_node_that_registers_again_keeps_its_row_and_its_old_secret_until_the_new_one_is_used(
    coordinator: Coordinator, node: ThirdParty
) -> None:
    old, before = node.secret, coordinator.ledger()["interfaces"]
    assert node.post(HEARTBEAT, node.say(attempts=[])).status_code == 200
    body = node.registration()
    path = f"{API}/register"
    headers = {"authorization": "Bearer cluster string of the tests"}
    data = node.http.build_request("POST", path, json=body).content
    again = node.http.post(path, content=data, headers={**node.signed(path, data), **headers})
    assert again.json()["interface_id"] == node.interface_id
    assert coordinator.ledger()["interfaces"] == before
    assert node.post(HEARTBEAT, node.say(attempts=[])).status_code == 200
    node.secret = again.json()["secret"]
    assert node.post(HEARTBEAT, node.say(attempts=[])).status_code == 200
    assert problem(node.post(HEARTBEAT, node.say(attempts=[]), secret=old)) == (401, "bad_signature")
