"""Streams of random numbers: their seeds, that no two are the same, and that no other is made."""

from __future__ import annotations

import itertools
import pathlib
import re

import numpy as np
import pytest

from vanilla_gan.data import streams
from vanilla_gan.data.streams import fresh_seed, seeded

PACKAGE = pathlib.Path(streams.__file__).parents[1]
# Written out by hand: users' runs, files and figures were made with these.
KNOWN = {
    "PLAIN": 0,
    "PICTURES": 1048576,
    "EVALUATION": 2097152,
    "LOGITS": 3145728,
    "MOVED": 4194304,
}
REWINDS = range(1, 31)


def words(random_stream: np.random.RandomState, n: int = 1000) -> list[int]:
    return random_stream.randint(0, 2**32, n, np.uint32).tolist()


def test_the_numbers_are_the_known_ones() -> None:
    assert {name: getattr(streams, name) for name in KNOWN} == KNOWN
    assert (streams.DIGITS, streams.CLASSIFIER, streams.SPLIT) == (20160917,) * 3


def test_a_plain_stream_is_that_of_numpy_random_seed() -> None:
    expected = np.random.RandomState()
    expected.seed(7)
    assert words(seeded(7)) == words(expected)


@pytest.mark.parametrize("use", [*REWINDS, *filter(None, KNOWN.values())])
def test_any_other_is_seeded_by_both_numbers(use: int) -> None:
    assert words(seeded(7, use)) == words(np.random.RandomState([7, use]))


@pytest.mark.parametrize("seed", [0, 1, 20160917, 2**32 - 1])
def test_no_two_uses_of_a_seed_share_numbers(seed: int) -> None:
    """Of 35,000 numbers in 2**32, 0.14 pairs would be equal by chance; of runs of three, none."""
    uses = [*REWINDS, *KNOWN.values()]
    assert len(set(uses)) == len(uses)
    drawn = [words(seeded(seed, use)) for use in uses]
    seen = [{*zip(one, one[1:], one[2:], strict=False)} for one in drawn]
    for one, other in itertools.combinations(seen, 2):
        assert not one & other


def test_what_one_draws_and_when_does_not_affect_another() -> None:
    uses = list(KNOWN.values())
    alone = {use: words(seeded(5, use)) for use in uses}
    made = {use: seeded(5, use) for use in reversed(uses)}
    turns = [use for use in uses for _ in range(4)]
    np.random.RandomState(0).shuffle(turns)
    drawn: dict[int, list[int]] = {use: [] for use in uses}
    for use in turns:
        drawn[use] += words(made[use], 250)
    assert drawn == alone


def test_a_fresh_seed_is_valid_and_differs_each_time() -> None:
    seeds = [fresh_seed() for _ in range(5)]
    assert len(set(seeds)) == 5
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_nothing_else_in_the_package_makes_or_seeds_a_stream() -> None:
    makes = re.compile(r"RandomState\(|SeedSequence|default_rng|random\.seed\(|\.seed\(")
    files = [path for path in PACKAGE.rglob("*.py") if makes.search(path.read_text("utf-8"))]
    assert files == [pathlib.Path(streams.__file__)]
