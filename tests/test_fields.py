"""The kinds of fields: which values are accepted, and the error line for each other value."""

from __future__ import annotations

import pytest

from vanilla_gan.storage import fields as f

NAN = float("nan")
TABLE = {
    "count": f.COUNT,
    "format": f.whole(1, 1),
    "share": f.optional(f.NUMBER),
    "text": f.TEXT,
    "sum": f.SHA256,
    "began": f.MOMENT,
    "file": f.FILE_NAME,
    "below": f.PATH_BELOW,
    "named": f.each(f.TEXT, f.NUMBER),
    "listed": f.list_of(f.fields({"to": f.COUNT})),
}
GOOD = {
    "count": 0,
    "format": 1,
    "share": None,
    "text": "zwölf",
    "sum": "0a" * 32,
    "began": "2026-02-03T04:05:06+00:00",
    "file": "model.ckpt.data-00000-of-00001",
    "below": "variables/variables.index",
    "named": {"a": 1, "b": -0.5},
    "listed": [{"to": 3}],
}


def test_good_content_passes():
    f.check_fields(GOOD, TABLE)
    f.check_fields({**GOOD, "share": 1e308, "count": 2**53, "named": {}, "listed": []}, TABLE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *(({"count": value}, "count is ") for value in (-1, True, 1.0, "1", None, [], 2**53 + 1)),
        ({"count": 10**400}, "count is 1000"),
        *(({"share": value}, "share is ") for value in (NAN, float("inf"), 10**400, "x", False)),
        ({"format": 2}, "format is 2, expected 1"),
        ({"format": None}, "format is null, expected 1"),
        *(({"text": value}, "text is ") for value in ("", "x" * 1001, 7, "\ud800", "a\0b")),
        ({"text": "\x1b[2J\n"}, r'text is "\x1b[2J\n", expected a text of 1 to 1000'),
        *(({"sum": value}, "sum is ") for value in ("0A" * 32, "0a" * 31, "0a" * 32 + "\n", 5)),
        *(
            ({"began": value}, "began is ")
            for value in ("2026-02-03", "2026-02-30T04:05:06+00:00", "2026-02-03T04:05:06+14:00", 1)
        ),
        *(({"file": value}, "file is ") for value in ("", ".", "..", "a/b", "/a", "a\0", "\udcff")),
        *(
            ({"below": value}, "below is ")
            for value in ("", "..", "../a", "a/../b", "/a", "a/", "a//b", "./a", "a/..")
        ),
        ({"named": {"a": "x"}}, 'named.a is "x", expected a finite number'),
        ({"named": {"\x1b": 1}}, r'a key of named is "\x1b", expected a text'),
        ({"named": [1]}, "named is a list, expected an object"),
        ({"listed": {"to": 1}}, "listed is an object, expected a list"),
        ({"listed": [{"to": 1}, {"to": -1}]}, "listed[1].to is -1, expected a whole number"),
        ({"listed": [{}]}, "listed[0].to is missing"),
        ({"listed": [{"to": 1, "x\ty": 1}]}, r"listed[0].x\ty is unknown"),
        ({"more": 1}, "more is unknown"),
    ],
)
def test_the_line_names_the_field_the_value_and_what_was_expected(change, said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared as a whole below
        f.check_fields({**GOOD, **change}, TABLE)
    assert str(caught.value).startswith(said)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", [None, 7, [], "x"])
def test_non_objects_are_refused(content):
    with pytest.raises(ValueError, match=r"^it is .*, expected an object$"):
        f.check_fields(content, TABLE)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_field(name):
    with pytest.raises(ValueError, match=f"^{name} is missing$"):
        f.check_fields({key: value for key, value in GOOD.items() if key != name}, TABLE)
