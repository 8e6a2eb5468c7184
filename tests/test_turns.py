"""Whose query runs next, without any query: fair shares, a bounded queue, an end to hogging."""

import threading
import time
from collections.abc import Callable

import pytest

from kg.errors import ServiceBusy, TooManyRequests
from kg.sparql import turns
from kg.sparql.turns import Shares, Turn, Turns


def waiting(turns: Turns, client: str, order: list[str]) -> threading.Thread:
    """A client that waits for a turn, notes that it had one, and gives it back."""

    def run() -> None:
        turn = turns.take(client)
        order.append(client)
        turns.give_back(turn)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.03)
    return thread


def refused(turns: Turns, client: str) -> Callable[[], type[Exception] | None]:
    """Starts a client that waits; the function tells the error that ended its waiting."""
    found: list[type[Exception]] = []

    def run() -> None:
        try:
            turns.give_back(turns.take(client))
        except (ServiceBusy, TooManyRequests) as error:
            found.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.03)

    def outcome() -> type[Exception] | None:
        thread.join()
        return found[0] if found else None

    return outcome


def test_turns_are_handed_out_up_to_the_places() -> None:
    turns = Turns(2, Shares(wait=0.1))
    first, second = turns.take("a"), turns.take("b")
    with pytest.raises(ServiceBusy):
        turns.take("c")
    turns.give_back(first)
    turns.give_back(turns.take("c"))
    turns.give_back(second)
    assert not turns.are_taken


def test_one_client_leaves_a_place_for_others() -> None:
    turns = Turns(3, Shares(wait=0.1))
    turns.take("greedy")
    turns.take("greedy")
    with pytest.raises(ServiceBusy):
        turns.take("greedy")
    assert turns.take("other")


def test_a_client_beyond_its_share_is_told_that_it_is_the_one() -> None:
    turns = Turns(2, Shares(running=1, wait=0.1))
    turns.take("greedy")
    with pytest.raises(TooManyRequests, match="more than 1 queries"):
        turns.take("greedy")


def test_who_has_used_least_comes_first() -> None:
    turns = Turns(1, Shares(wait=5))
    heavy = turns.take("heavy")
    time.sleep(0.05)
    turns.give_back(heavy)
    running = turns.take("someone")
    order: list[str] = []
    threads = [waiting(turns, client, order) for client in ("heavy", "heavy", "light")]
    turns.give_back(running)
    for thread in threads:
        thread.join()
    assert order == ["light", "heavy", "heavy"]


def test_a_full_queue_gives_way_to_a_client_that_waits_for_little() -> None:
    turns = Turns(1, Shares(queue=3, wait=5))
    running = turns.take("someone")
    outcomes = [refused(turns, "greedy") for _ in range(3)]
    modest = refused(turns, "modest")
    time.sleep(0.05)
    turns.give_back(running)
    assert [outcome() for outcome in outcomes].count(None) == 2
    assert modest() is None


def test_a_full_queue_of_others_is_refused_at_once() -> None:
    turns = Turns(1, Shares(queue=2, wait=5))
    running = turns.take("someone")
    outcomes = [refused(turns, client) for client in ("a", "b")]
    started = time.monotonic()
    with pytest.raises(ServiceBusy):
        turns.take("c")
    assert time.monotonic() - started < 1
    turns.give_back(running)
    assert [outcome() for outcome in outcomes] == [None, None]


def test_query_time_is_counted_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WINDOW", 0.5)
    held = Turns(2, Shares(seconds=0.1, wait=0.1))
    turn = held.take("heavy")
    time.sleep(0.15)
    held.give_back(turn)
    with pytest.raises(TooManyRequests, match=r"more than 0\.1 s") as caught:
        held.take("heavy")
    assert 0 < caught.value.retry_after <= 0.5
    held.give_back(held.take("other"))
    time.sleep(0.6)
    held.give_back(held.take("heavy"))


def test_a_long_query_is_stopped_for_who_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SLICE", 0.1)
    held = Turns(1, Shares(wait=5))
    turn = held.take("greedy")

    def stop() -> None:
        threading.Thread(target=held.give_back, args=(turn,)).start()

    turn.stop = stop
    started = time.monotonic()
    other: Turn = held.take("patient")
    assert time.monotonic() - started < 2
    assert turn.stopped
    held.give_back(other)


def test_nobody_s_query_is_stopped_for_another_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SLICE", 0.05)
    held = Turns(1, Shares(wait=0.4))
    turn = held.take("greedy")
    with pytest.raises(ServiceBusy):
        held.take("greedy")
    assert not turn.stopped
