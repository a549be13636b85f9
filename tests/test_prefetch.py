"""Items drawn ahead in a thread: their order, how many, and what an error does."""

from __future__ import annotations

import threading

import pytest

from vanilla_gan.engines.prefetch import prefetched


def draw_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "draws_0"]


def test_all_items_in_order():
    with prefetched(iter(range(1000))) as items:
        assert list(items) == list(range(1000))
    assert draw_threads() == []


def test_no_items():
    with prefetched(iter([])) as items:
        assert list(items) == []


def test_items_are_drawn_in_another_thread():
    def draw():
        yield threading.current_thread().name

    with prefetched(draw()) as items:
        assert list(items) == ["draws_0"]


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_draws_no_further_ahead_than_asked(ahead):
    drawn: list[int] = []
    enough = threading.Event()

    def draw():
        for number in range(100):
            drawn.append(number)
            if len(drawn) == ahead:
                enough.set()
            yield number

    with prefetched(draw(), ahead=ahead) as items:
        assert enough.wait(timeout=60)
        # The thread has drawn all that it may, and draws no more now.
        assert len(drawn) == ahead
        for taken, number in enumerate(items, start=1):
            assert number == taken - 1
            assert len(drawn) <= taken + ahead


def test_error_comes_where_its_item_would_have_come():
    def draw():
        yield 1
        yield 2
        raise ZeroDivisionError("drawn badly")

    taken = []
    with pytest.raises(ZeroDivisionError, match="drawn badly"), prefetched(draw()) as items:
        taken.extend(item for item in items)
    assert taken == [1, 2]
    assert draw_threads() == []


def test_consumer_that_stops_early_ends_the_thread():
    with prefetched(iter(range(10**9))) as items:
        assert next(items) == 0
    assert draw_threads() == []


def test_error_of_the_consumer_ends_the_thread():
    with pytest.raises(KeyError), prefetched(iter(range(10**9))) as items:  # noqa: PT012
        next(items)
        raise KeyError
    assert draw_threads() == []


def test_consumer_that_takes_nothing():
    with prefetched(iter(range(10**9))):
        pass
    assert draw_threads() == []
