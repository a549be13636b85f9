"""When a checkpoint is due by the clock, which is the default; the other tests count iterations."""

from __future__ import annotations

from types import SimpleNamespace

from vanilla_gan.settings import RunConfig
from vanilla_gan.training import saver


def test_checkpoints_go_by_the_clock_unless_counted(monkeypatch):
    """Each comes 10 to 60 s after the last one; within that, saving takes 1% of the time."""
    clock = SimpleNamespace(now_s=0.0, saving_s=0.0)

    def save(*state):
        clock.now_s += clock.saving_s

    monkeypatch.setattr(saver, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    model = SimpleNamespace(broken_variables=list)
    config = RunConfig(iters=100)
    chief = SimpleNamespace(config=config, worker=SimpleNamespace(model=model), save=save)
    one = saver.Saver(chief, SimpleNamespace(mark=lambda: None), 0)
    wait_s = 10
    for saving_s, next_s in ((0.0625, 10), (0.5, 50), (3.0, 60), (0.0, 10)):
        clock.now_s += wait_s - 0.25
        assert (one.due(5), one.due(100)) == (False, True)
        clock.now_s += 0.25
        assert one.due(5)
        clock.saving_s = saving_s
        one.save(5, None)
        wait_s = next_s
    clock.now_s += 1000
    chief.config = RunConfig(iters=100, checkpoint_every=7)
    assert [one.due(it) for it in (7, 8, 14, 100)] == [True, False, True, True]
