"""Refresher: when a result is made again, with a clock that the tests set."""

from __future__ import annotations

import pytest

from vanilla_gan.observers.refresh import Refresher


class Bench:
    """A result that takes `cost_s` to make, with a clock that otherwise stands still."""

    def __init__(self, share: float, first_s: float = 10.0) -> None:
        self.now_s = 1000.0
        self.cost_s = 0.25
        self.made_at: list[float] = []
        self.broken = False
        self.refresher = Refresher(self.make, share, first_s=first_s, clock=lambda: self.now_s)

    def make(self) -> None:
        if self.broken:
            raise OSError("no room")
        self.made_at.append(self.now_s)
        self.now_s += self.cost_s

    def poll_at(self, now_s: float) -> bool:
        """Returns whether a poll at that time makes the result."""
        self.now_s, made = now_s, len(self.made_at)
        self.refresher.poll()
        return len(self.made_at) > made


def test_nothing_is_made_before_the_first_time_or_without_a_change() -> None:
    bench = Bench(share=0.25)
    assert not bench.poll_at(1000.0)
    assert not bench.poll_at(1500.0)
    bench = Bench(share=0.25)
    bench.refresher.changed()
    assert not bench.poll_at(1009.75)
    assert bench.poll_at(1010.0)


def test_the_wait_depends_on_the_cost() -> None:
    """A quarter of the time: after 0.25 s of making it waits 0.75 s, after 2 s it waits 6 s."""
    bench = Bench(share=0.25)
    bench.refresher.changed()
    assert bench.poll_at(1010.0)  # until 1010.25
    bench.refresher.changed()
    assert not bench.poll_at(1010.75)
    bench.cost_s = 2.0
    assert bench.poll_at(1011.0)  # until 1013
    bench.refresher.changed()
    assert not bench.poll_at(1018.75)
    assert bench.poll_at(1019.0)


def test_what_is_up_to_date_is_not_made_again() -> None:
    bench = Bench(share=0.25)
    bench.refresher.changed()
    assert bench.poll_at(1010.0)
    assert not bench.poll_at(2000.0)
    bench.refresher.finish()
    assert len(bench.made_at) == 1


def test_finish_makes_it_whatever_the_time() -> None:
    bench = Bench(share=0.25)
    bench.refresher.finish()
    assert bench.made_at == []
    bench.refresher.changed()
    bench.refresher.finish()
    assert bench.made_at == [1000.0]


@pytest.mark.parametrize("share", [0.005, 0.03, 0.5, 1.0])
def test_the_share_is_kept_in_the_long_run(share: float) -> None:
    """It is polled every quarter of a second; the cost grows from 0.01 to 1 s."""
    bench = Bench(share, first_s=0.0)
    end_s, spent_s = 1000.0 + 2000.0, 0.0
    while bench.now_s < end_s:
        bench.cost_s = 0.01 + 0.99 * (bench.now_s - 1000.0) / 2000.0
        bench.refresher.changed()
        made = len(bench.made_at)
        bench.refresher.poll()
        if len(bench.made_at) > made:
            spent_s += bench.cost_s
        bench.now_s += 0.25
    # The wait after the last one is not over yet, and each wait ends only at the next poll.
    assert 0.4 * share <= spent_s / 2000.0 <= share + 1.0 / 2000.0


def test_what_failed_is_tried_again() -> None:
    bench = Bench(share=0.25)
    bench.refresher.changed()
    bench.broken = True
    with pytest.raises(OSError, match="no room"):
        bench.poll_at(1010.0)
    with pytest.raises(OSError, match="no room"):
        bench.refresher.finish()
    bench.broken = False
    assert bench.poll_at(1011.0)
