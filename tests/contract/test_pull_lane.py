"""Work that a node asks for, and the orders that reach it by answers."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.contract.conftest import Json, Start
from tests.contract.third_party import API, ThirdParty, problem
from tests.system.coordinator import Client
from tests.system.patience import busy, until


def test_an_offer_that_the_list_lacks_is_sent_again_and_one_that_it_names_is_not(
    node: ThirdParty, start: Start
) -> None:
    work = node.offered(start())
    again = node.ask()["assignments"]
    assert [one["attempt_id"] for one in again] == [work["attempt_id"]]
    assert again[0] == work
    held = [{"attempt_id": work["attempt_id"]}]
    assert node.ask(attempts=held)["assignments"] == []
    assert node.ask(free_slots=0)["assignments"] == []


def test_a_waiting_poll_gets_work_the_moment_it_comes(node: ThirdParty, start: Start) -> None:
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(node.ask, wait_s=20)
        began = time.monotonic()
        task_id = start()
        found = poll.result(20)["assignments"]
    assert [work["task_id"] for work in found] == [task_id]
    assert time.monotonic() - began < busy(10)


def test_a_node_gets_no_more_than_its_slots(node: ThirdParty, start: Start) -> None:
    tasks = {start(), start()}
    first = node.ask(wait_s=5)["assignments"][0]
    node.report(first)
    held = [{"attempt_id": first["attempt_id"]}]
    assert node.ask(attempts=held, free_slots=1)["assignments"] == []
    node.report(first, "released")
    assert {node.ask(wait_s=5)["assignments"][0]["task_id"]} <= tasks


def test_cancel_reaches_a_node_by_poll_heartbeat_and_callback(user: Client, node: ThirdParty, start: Start) -> None:
    work = node.offered(start())
    node.report(work, stage="process", frames_done=3, frames_total=24)
    held = [{"attempt_id": work["attempt_id"], "frames_done": 3}]
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(node.ask, wait_s=20, attempts=held)
        user.put(f"/tasks/{work['task_id']}/cancel")
        assert poll.result(20)["commands"] == [{"command": "cancel", "attempt_id": work["attempt_id"]}]
    beat = node.post(f"{API}/heartbeat", node.say(attempts=held)).json()
    assert beat["commands"] == [{"command": "cancel", "attempt_id": work["attempt_id"]}]
    assert node.report(work, frames_done=4).json() == {"command": "cancel"}
    assert node.report(work, "cancelled").json() == {"command": "cancel"}
    assert node.report(work, "cancelled").json() == {"command": "cancel"}
    beat = node.post(f"{API}/heartbeat", node.say(attempts=held)).json()
    assert (beat["commands"], beat["unknown_attempts"]) == ([], [work["attempt_id"]])


def test_a_heartbeat_says_what_to_drop_and_when_to_come_back(node: ThirdParty, start: Start) -> None:
    work = node.offered(start())
    idle = node.post(f"{API}/heartbeat", node.say(attempts=[])).json()
    assert idle["next_heartbeat_s"] == 60
    held = [{"attempt_id": work["attempt_id"]}, {"attempt_id": "never-was"}]
    busy = node.post(f"{API}/heartbeat", node.say(attempts=held)).json()
    assert busy["unknown_attempts"] == ["never-was"]
    assert busy["next_heartbeat_s"] <= 20 / 3


def test_a_new_boot_that_does_not_know_its_attempt_frees_the_step_at_once(
    user: Client, node: ThirdParty, start: Start
) -> None:
    work = node.offered(start())
    node.report(work)
    assert user.task(work["task_id"])["state"] == "processing"
    node.boot_id = "b" * 32
    body = node.registration()
    data = node.http.build_request("POST", "/", json=body).content
    bearer = {"authorization": "Bearer cluster string of the tests"}
    path = f"{API}/register"
    answer = node.http.post(path, content=data, headers={**node.signed(path, data), **bearer})
    node.secret = answer.raise_for_status().json()["secret"]
    again = node.offered(work["task_id"])
    assert again["attempt_id"] != work["attempt_id"]
    assert problem(node.report(work, "completed")) == (410, "gone")


def test_leaving_makes_a_node_offline_at_once_and_frees_its_work(
    user: Client, admin: Client, node: ThirdParty, newcomer: ThirdParty, start: Start
) -> None:
    work = node.offered(start())
    node.report(work)
    body = {"interface_id": node.interface_id, "boot_id": node.boot_id}
    assert node.post(f"{API}/leave", body).status_code == 200
    assert admin.get(f"/admin/interfaces/{node.interface_id}").json()["state"] == "offline"
    assert user.task(work["task_id"])["state"] == "waiting"
    newcomer.model = node.model
    newcomer.join()
    assert newcomer.offered(work["task_id"])["step_id"] == work["step_id"]


def test_a_revoked_node_is_told_so_and_its_work_is_offered_to_others(
    user: Client, admin: Client, newcomer: ThirdParty, video: Json
) -> None:
    newcomer.join()
    task_id = user.submit(video["id"], model=newcomer.model)
    work = newcomer.offered(task_id)
    newcomer.report(work)
    assert admin.put(f"/admin/interfaces/{newcomer.interface_id}/revoke").status_code == 200
    assert problem(newcomer.report(work, frames_done=1)) == (403, "revoked")
    assert problem(newcomer.post(f"{API}/heartbeat", newcomer.say(attempts=[]))) == (403, "revoked")
    assert problem(newcomer.register()) == (403, "revoked")
    until(lambda: user.task(task_id)["state"] == "waiting", 10, "the task waits again")
    user.put(f"/tasks/{task_id}/cancel")


def test_a_draining_node_gets_no_work_until_it_is_resumed(admin: Client, node: ThirdParty, start: Start) -> None:
    assert admin.put(f"/admin/interfaces/{node.interface_id}/drain").status_code == 200
    task_id = start()
    assert node.ask()["assignments"] == []
    assert node.post(f"{API}/heartbeat", node.say(attempts=[])).json()["drain"]["deadline_s"] > 0
    assert admin.put(f"/admin/interfaces/{node.interface_id}/resume").status_code == 200
    assert node.offered(task_id)["task_id"] == task_id
