"""When an attempt stands still for too long."""

from interface_node.jobs.reporter import Standstill


def test_a_counter_that_moves_is_no_standstill() -> None:
    standstill = Standstill(limit_s=10, load_limit_s=100)
    assert not any(standstill.lasts("process", done, now=done * 9.0) for done in range(20))


def test_a_counter_that_stands_is_one_and_loading_may_take_longer() -> None:
    standstill = Standstill(limit_s=10, load_limit_s=100)
    assert not standstill.lasts("load", 0, now=0)
    assert not standstill.lasts("load", 0, now=100)
    assert standstill.lasts("load", 0, now=101)
    assert not standstill.lasts("process", 0, now=102)
    assert standstill.lasts("process", 0, now=113)


def test_time_without_a_coordinator_does_not_count() -> None:
    standstill = Standstill(limit_s=10, load_limit_s=100)
    assert not standstill.lasts("upload", 5, now=0)
    standstill.forgive(now=60)
    assert not standstill.lasts("upload", 5, now=69)
    assert standstill.lasts("upload", 5, now=71)
