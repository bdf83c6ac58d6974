"""Behind a webhook that failed all others wait, and failed ones go in the order of their events."""

from __future__ import annotations

import gevent

from users.call_order import CallOrder


def test_nothing_waits_while_no_call_has_failed() -> None:
    order = CallOrder()
    with gevent.Timeout(5):
        for number in (2, 1, 3):
            order.wait_for_turn(number)


def test_others_wait_until_the_failed_call_is_settled() -> None:
    order, began = CallOrder(), list[int]()

    def begin(number: int) -> None:
        order.wait_for_turn(number)
        began.append(number)

    order.fail(2)
    waiting = [gevent.spawn(begin, number) for number in (1, 3, 4)]
    with gevent.Timeout(5):
        order.wait_for_turn(2)
        gevent.idle()
        assert began == []
        order.settle(2)
        gevent.joinall(waiting)
    assert began == [1, 3, 4]


def test_of_several_failed_calls_the_earliest_event_goes_first() -> None:
    order, repeated = CallOrder(), list[int]()

    def repeat(number: int) -> None:
        order.wait_for_turn(number)
        repeated.append(number)
        gevent.idle()
        order.settle(number)

    for number in (7, 5, 6):
        order.fail(number)
    with gevent.Timeout(5):
        gevent.joinall([gevent.spawn(repeat, number) for number in (7, 5, 6)])
        order.wait_for_turn(8)
    assert repeated == [5, 6, 7]
