"""Which step goes to which node."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.placement import (
    LOAD_S,
    START_S,
    TRANSFER_MB_S,
    WORTH_WAITING_S,
    Need,
    Node,
    Placed,
    Speed,
    Want,
    best,
    disk_mb,
    finish,
    later,
    left,
    match,
    seconds,
    size_class,
    starts,
    worth_racing,
)

NAMES = "abcdef"
NEED = Need(frames=100)
FREE = Node("a", (0.0,))
times = st.just(0.0) | st.floats(0.01, 100)
nodes = st.lists(
    st.builds(
        Node,
        st.sampled_from(NAMES),
        st.lists(times, max_size=3).map(lambda ready: tuple(sorted(ready))),
        st.none() | times,
        st.none() | st.integers(0, 2000),
    ),
    max_size=6,
    unique_by=lambda node: node.interface_id,
)
needs = st.builds(Need, st.integers(0, 5000), st.floats(0, 500), st.integers(0, 1500), st.booleans(), st.booleans())
speeds = st.dictionaries(
    st.sampled_from(NAMES), st.builds(Speed, st.booleans(), st.none() | st.floats(0.1, 1000)), max_size=6
)
wants = st.lists(
    st.builds(Want, st.integers(0, 99).map(str), needs, speeds, st.sets(st.sampled_from(NAMES))), max_size=6
)


@given(nodes, wants)
def test_only_a_free_node_that_can_is_given_a_step(fleet: list[Node], queue: list[Want]) -> None:
    found = match(fleet, queue)
    if found is None:
        return
    node = next(node for node in fleet if node.interface_id == found.interface_id)
    assert starts(node, found.want.need) == 0.0
    assert node.interface_id in found.want.speeds
    assert node.disk_free_mb is None or node.disk_free_mb >= found.want.need.disk_mb


@given(nodes, wants, wants)
def test_steps_that_nobody_may_take_stand_in_nobodys_way(
    fleet: list[Node], queue: list[Want], stuck: list[Want]
) -> None:
    nobody = [replace(want, speeds={}) for want in stuck]
    assert match(fleet, [*nobody, *queue]) == match(fleet, queue)


@given(nodes, wants)
def test_the_choice_does_not_depend_on_the_order_of_the_nodes(fleet: list[Node], queue: list[Want]) -> None:
    assert match(fleet, queue) == match(fleet[::-1], queue)


@given(nodes, wants)
def test_what_is_given_is_given_to_the_node_that_finishes_it_first(fleet: list[Node], queue: list[Want]) -> None:
    found = match(fleet, queue[:1])
    if found is None:
        return
    fresh = [node for node in fleet if node.interface_id not in found.want.tried]
    done = {node.interface_id: finish(node, found.want) for node in fleet}
    rivals = [done[node.interface_id] for node in fresh if done[node.interface_id] is not None]
    if found.interface_id not in found.want.tried:
        assert done[found.interface_id] == min(value for value in rivals if value is not None)
    else:
        assert rivals == []


@given(nodes, wants)
def test_a_step_left_to_a_node_only_makes_it_busier(fleet: list[Node], queue: list[Want]) -> None:
    for want in queue:
        node = best(fleet, want)
        if node is not None:
            after = later(node, want)
            assert len(after.ready) == len(node.ready)
            assert sum(after.ready) + (after.light or 0.0) > sum(node.ready) + (node.light or 0.0)


def want(step_id: str = "s", need: Need = NEED, **fps: float) -> Want:
    """A step that these nodes run at these speeds."""
    return Want(step_id, need, {name: Speed(True, speed) for name, speed in fps.items()})


def test_a_step_is_left_to_a_busy_node_that_would_still_finish_it_sooner() -> None:
    slow, fast = Node("a", (0.0,)), Node("b", (5.0,))
    assert match([slow, fast], [want(a=1, b=10)]) is None
    assert match([slow, fast], [want(a=8, b=10)]) == Placed(want(a=8, b=10), "a", 0.0, START_S + 100 / 8)


def test_a_slow_node_gets_what_the_fast_one_would_come_to_too_late() -> None:
    slow, fast = Node("a", (0.0,)), Node("b", (5.0,))
    queue = [want(str(place), a=1, b=10) for place in range(20)]
    found = match([slow, fast], queue)
    assert found is not None
    assert (found.interface_id, found.want.step_id) == ("a", "9")


def test_a_step_that_must_run_alone_waits_until_a_node_holds_nothing() -> None:
    need = replace(NEED, alone=True)
    assert starts(Node("a", (0.0, 4.0), 0.0), need) == 4.0
    assert starts(Node("a", (0.0, 0.0), 7.0), need) == 7.0
    assert starts(Node("a", (0.0, 0.0), 0.0), need) == 0.0


def test_assemble_takes_the_light_slot_and_goes_where_its_parts_are() -> None:
    need = Need(0, source_mb=100.0, light=True)
    here = Want("s", need, {"a": Speed(True, None), "b": Speed(True, None)}, here_mb={"b": 80.0})
    idle, full = Node("a", (0.0,), 0.0), Node("b", (50.0,), 0.0)
    found = match([idle, full], [here])
    assert found is not None
    assert found.interface_id == "b"
    assert found.seconds == pytest.approx(START_S + 20 / TRANSFER_MB_S)
    assert match([idle, replace(full, light=1.0)], [here]) is None
    late = match([idle, replace(full, light=60.0)], [here])
    assert late is not None
    assert late.interface_id == "a"
    assert starts(Node("a", (0.0,), None), need) is None


def test_a_full_disk_does_not_suit_and_an_unknown_one_does() -> None:
    need = replace(NEED, disk_mb=100)
    assert [starts(replace(FREE, disk_free_mb=free), need) for free in (99, 100, None)] == [None, 0.0, 0.0]


def test_loading_a_model_and_fetching_a_source_cost_time() -> None:
    assert seconds(NEED, Speed(True, 10.0)) == START_S + 10.0
    assert seconds(NEED, Speed(False, 10.0)) == START_S + 10.0 + LOAD_S
    assert seconds(replace(NEED, source_mb=TRANSFER_MB_S), Speed(True, 10.0)) == START_S + 11.0


def test_the_idle_of_two_equal_nodes_is_chosen() -> None:
    found = match([Node("a", (0.0, 5.0)), Node("b", (0.0, 0.0))], [want(a=5, b=5)])
    assert found is not None
    assert found.interface_id == "b"


def test_what_an_attempt_still_needs_is_its_frames_until_it_stands_still() -> None:
    assert left(100, 50, 10.0, 99.0, 1.0, 0.5) == 5.0
    assert left(100, 0, None, 12.0, 4.0, 0.5) == 8.0
    assert left(100, 99, 10.0, 12.0, 4.0, 60.0) == 60.0


def test_sizes_of_pictures_have_classes_and_need_room() -> None:
    assert [size_class(*size) for size in ((640, 360), (1280, 720), (1920, 1080), (3840, 2160), (8192, 4320))] == [
        0, 1, 2, 3, 4,
    ]  # fmt: skip
    assert disk_mb(10.0, 240, 1280, 720, 2) > disk_mb(10.0, 240, 1280, 720, 1) > disk_mb(10.0, 24, 1280, 720, 1) > 10


def test_racing_is_worth_it_when_another_would_take_less_than_half() -> None:
    assert worth_racing(10.0, 4.0)
    assert not worth_racing(10.0, 6.0)


def makespan(fps: Sequence[float], sizes: Sequence[int]) -> float:
    """Seconds until every step is done when each moment's choice is made by `match`."""
    now, queue = (
        0.0,
        [want(str(place), Need(size), **dict(zip(NAMES, fps, strict=False))) for place, size in enumerate(sizes)],
    )
    until = dict.fromkeys(NAMES[: len(fps)], 0.0)
    while queue:
        found = match([Node(name, (max(0.0, at - now),)) for name, at in until.items()], queue)
        if found is None:
            now = min(at for at in until.values() if at > now)
            continue
        until[found.interface_id] = now + found.seconds
        queue.remove(found.want)
    return max(until.values())


def optimum(fps: Sequence[float], sizes: Sequence[int]) -> float:
    """No schedule is faster: all frames at all speeds together, nor than the largest step on the fastest node."""
    return max(sum(sizes) / sum(fps), max(sizes) / max(fps))


@pytest.mark.parametrize("steps", [8, 20, 64, 300])
def test_promise_11_one_node_ten_times_faster_than_three_is_used_within_15_percent_of_the_optimum(steps: int) -> None:
    fps, sizes = (100.0, 10.0, 10.0, 10.0), [240] * steps
    ideal = min_makespan(fps, steps, 240)
    assert optimum(fps, sizes) <= ideal
    assert makespan(fps, sizes) <= 1.15 * ideal


def min_makespan(fps: Sequence[float], steps: int, frames: int) -> float:
    """The offline optimum for equal steps: give each to the node where it would be done first."""
    done = [0.0] * len(fps)
    for _ in range(steps):
        place = min(range(len(fps)), key=lambda node: done[node] + START_S + frames / fps[node])
        done[place] += START_S + frames / fps[place]
    return max(done)


@given(st.lists(st.integers(24, 300), min_size=1, max_size=40))
def test_steps_of_any_size_are_done_within_twice_the_bound_that_nobody_can_beat(sizes: list[int]) -> None:
    fps = (100.0, 10.0, 10.0, 10.0)
    assert makespan(fps, sizes) <= 2.2 * optimum(fps, sizes) + len(sizes) * START_S + WORTH_WAITING_S


def test_no_node_stays_idle_for_the_sake_of_a_moment() -> None:
    slow, fast = Node("a", (0.0,)), Node("b", (0.5,))
    near = want(a=50, b=100)  # 2.2 s here and now, or 1.7 s there
    assert match([slow, fast], [near]) == Placed(near, "a", 0.0, START_S + 2)
