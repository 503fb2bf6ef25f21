"""Which node gets a step."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.placement import LOAD_S, Need, Node, choose, expected_finish, suits

NODE = Node("a", free=1, busy=0, warm=True, fps=10.0, disk_free_mb=None)
NEED = Need(frames=100, disk_mb=0, alone=False)

nodes = st.lists(
    st.builds(
        Node,
        interface_id=st.sampled_from("abcdefgh"),
        free=st.integers(0, 3),
        busy=st.integers(0, 3),
        warm=st.booleans(),
        fps=st.none() | st.floats(0.1, 1000),
        disk_free_mb=st.none() | st.integers(0, 10_000),
    ),
    max_size=8,
    unique_by=lambda node: node.interface_id,
)
needs = st.builds(Need, frames=st.integers(0, 10**6), disk_mb=st.integers(0, 10_000), alone=st.booleans())
tried = st.sets(st.sampled_from("abcdefgh"))


@given(nodes, needs, tried)
def test_an_unsuitable_node_is_never_chosen_and_a_suitable_one_never_missed(
    fleet: list[Node], need: Need, before: set[str]
) -> None:
    chosen = choose(fleet, need, before)
    assert (chosen is None) == (not any(suits(node, need) for node in fleet))
    assert chosen is None or suits(chosen, need)


@given(nodes, needs, tried)
def test_a_node_that_has_not_tried_the_step_goes_first(fleet: list[Node], need: Need, before: set[str]) -> None:
    chosen = choose(fleet, need, before)
    fresh = [node for node in fleet if suits(node, need) and node.interface_id not in before]
    if fresh:
        assert chosen in fresh


@given(nodes, needs)
def test_of_idle_nodes_the_one_that_finishes_first_is_chosen(fleet: list[Node], need: Need) -> None:
    idle = [replace(node, busy=0) for node in fleet]
    chosen = choose(idle, need, ())
    if chosen is not None:
        assert expected_finish(chosen, need) == min(expected_finish(node, need) for node in idle if suits(node, need))


@given(nodes, needs, tried)
def test_the_choice_does_not_depend_on_the_order_of_the_list(fleet: list[Node], need: Need, before: set[str]) -> None:
    assert choose(fleet, need, before) == choose(fleet[::-1], need, before)


def test_a_node_without_a_free_slot_does_not_suit() -> None:
    assert not suits(replace(NODE, free=0), NEED)


def test_a_step_that_must_run_alone_waits_for_an_idle_node() -> None:
    alone = replace(NEED, alone=True)
    assert not suits(replace(NODE, busy=1), alone)
    assert suits(NODE, alone)


def test_a_full_disk_does_not_suit_and_an_unknown_one_does() -> None:
    need = replace(NEED, disk_mb=100)
    assert [suits(replace(NODE, disk_free_mb=free), need) for free in (99, 100, None)] == [False, True, True]


def test_loading_a_model_costs_time() -> None:
    assert expected_finish(NODE, NEED) == 10.0
    assert expected_finish(replace(NODE, warm=False), NEED) == 10.0 + LOAD_S


def test_the_idle_of_two_equal_nodes_is_chosen() -> None:
    assert choose([replace(NODE, busy=1), replace(NODE, interface_id="b")], NEED, ()) == replace(NODE, interface_id="b")
