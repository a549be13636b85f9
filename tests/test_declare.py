"""Settings of a toy: what the table says about them, what they refuse, which ones were given."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from vanilla_gan.declare import ABOVE_0, PATH, Settings, at_least, at_most, setting, table_of
from vanilla_gan.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Settings):
    n: int | None = setting(None, "how many", at_least(1), at_most(9))
    share: float = setting(0.25, "part", ABOVE_0, effect="speed", shown="1/4")
    on: bool = setting(False, "whether")
    word: str = setting("a", "which", choices=("a", "b"))
    source: str = setting("here", "where", PATH, flag="from")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needy(Settings):
    out: str = setting("", "where to", PATH, missing="give a folder")


def test_the_table_says_what_was_declared():
    table = table_of(Toy)
    assert list(table) == ["n", "share", "on", "word", "source"]
    assert [entry.kind for entry in table.values()] == [int, float, bool, str, str]
    assert [entry.optional for entry in table.values()] == [True, False, False, False, False]
    assert [entry.flag for entry in table.values()] == ["n", "share", "on", "word", "from"]
    assert [entry.default for entry in table.values()] == [None, 0.25, False, "a", "here"]
    assert [entry.shown for entry in table.values()] == ["", "1/4", "False", "a", "here"]
    assert [entry.text for entry in table.values()] == [
        "how many",
        "part",
        "whether",
        *("which", "where"),
    ]
    assert [entry.effect for entry in table.values()] == ["numbers", "speed", *["numbers"] * 3]
    assert table["word"].choices == ("a", "b")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"n": "3"}, "--n='3': expected a whole number"),
        ({"n": 3.0}, "--n=3.0: expected a whole number"),
        ({"n": True}, "--n=True: expected a whole number"),
        ({"share": "x"}, "--share='x': expected a number"),
        ({"share": True}, "--share=True: expected a number"),
        ({"share": None}, "--share=None: expected a number"),
        ({"on": 1}, "--on=1: expected true or false"),
        ({"on": None}, "--on=None: expected true or false"),
        ({"word": 3}, "--word=3: expected a text"),
        ({"n": 0}, "--n=0: expected a whole number of at least 1"),
        ({"n": 10}, "--n=10: expected at most 9"),
        ({"share": 0}, "--share=0: expected a number above 0"),
        ({"share": float("nan")}, "--share=nan: expected a number above 0"),
        ({"word": "c"}, "--word=c: expected one of a, b"),
        ({"word": "B"}, "--word=B: expected one of a, b (did you mean 'b'?)"),
        ({"source": ""}, "--from='': expected a path"),
    ],
)
def test_a_wrong_value_is_one_clear_line(values, line):
    with pytest.raises(UsageError) as caught:
        Toy(**values)
    assert str(caught.value) == line


def test_what_must_be_given():
    with pytest.raises(UsageError, match=r"^--out is missing: give a folder$"):
        Needy()
    assert Needy(out="x").out == "x"


def test_a_whole_number_is_as_good_as_a_float():
    assert Toy(share=2, n=9, source="x").share == 2


def test_no_setting_of_that_name():
    with pytest.raises(TypeError, match="more"):
        Toy(more=1)


def test_given_is_what_was_named_whatever_its_value():
    assert Toy().given == frozenset()
    assert Toy(share=0.25, word="b").given == {"share", "word"}
    # None means that the setting is left out.
    assert Toy(n=None, on=True).given == {"on"}


def test_replace_adds_its_changes_even_those_to_a_default():
    toy = Toy(n=3, word="b")
    assert dataclasses.replace(toy).given == {"n", "word"}
    assert dataclasses.replace(toy, share=0.25).given == {"n", "word", "share"}
    assert dataclasses.replace(toy, n=None).given == {"word"}
    assert dataclasses.replace(dataclasses.replace(toy, n=4), on=False).given == {"n", "word", "on"}


def test_filled_values_were_not_given():
    filled = Toy(word="b").filled({"n": 3})
    assert (filled.n, filled.given) == (3, {"word"})
    assert dataclasses.replace(filled, n=3).given == {"n", "word"}


def test_given_affects_neither_equality_nor_files():
    assert Toy(share=0.25) == Toy()
    assert hash(Toy(share=0.25)) == hash(Toy())
    assert repr(Toy(share=0.25)).endswith("(n=None, share=0.25, on=False, word='a', source='here')")
    assert Toy().to_json() == {
        **{"n": None, "share": 0.25, "on": False},
        **{"word": "a", "source": "here"},
    }


def test_copies_know_what_was_given():
    toy = Toy(share=0.25)
    for other in (copy.copy(toy), copy.deepcopy(toy), pickle.loads(pickle.dumps(toy))):
        assert (other, other.given) == (toy, {"share"})
