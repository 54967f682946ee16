"""A text is cut at its tokens in one go, however many there are."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.cutting import Context, Value, _places, _shape, scan
from newsletter.editions.edition import Slot


def named(text: str, slots: dict[str, Slot], context: Context) -> list[str | Value | Slot]:
    """What `scan` gives, by a pattern that names each token: right, and slow where there are many."""
    token = "|".join(sorted(map(re.escape, slots)))
    controls = "|".join(sorted(re.escape(name) for name, slot in slots.items() if slot.kind != "value"))
    lines = (
        rf"^[ \t>]*(?P<control>{controls})[ \t]*(?:\n|\Z)|" if controls and context is Context.TEXT else ""
    )
    places = {}
    if context is Context.HTML:
        places = _places(text, re.compile(token), slots)
    parts: list[str | Value | Slot] = []
    end = 0
    for match in re.finditer(lines + token, text, re.MULTILINE):
        slot = slots[match.groupdict().get("control") or match[0]]
        parts.append(text[end : match.start()])
        usual = Context.HTML if context is Context.HTML else context
        value = Value(slot.token, places.get(match.start(), usual))
        parts.append(value if slot.kind == "value" else slot)
        end = match.end()
    return [part for part in (*parts, text[end:]) if part != ""]


TOKENS = [f"LP0123abcd{kind}{number}z" for kind in "mct" for number in (0, 1, 2, 10, 12, 101)]
LIKE_TOKENS = ("LP0123abcdm7z", "LP0123abc", "LP", "1z", "z", "m0z")
OTHERS = (" ", "\t", "\n", "> ", "x", '<a href="', '">', "<p>", "</p>", "<i title='", "'>")
PIECES = st.sampled_from([*TOKENS, *LIKE_TOKENS, *OTHERS])
MARKED = st.dictionaries(
    st.sampled_from(TOKENS), st.sampled_from(["value", "value", "if", "else", "endif"]), min_size=1
).map(lambda kinds: {token: Slot(token, kind, "", token) for token, kind in kinds.items()})


@given(st.lists(PIECES, max_size=40).map("".join), MARKED, st.sampled_from(Context))
def test_a_text_is_cut_as_by_a_pattern_that_names_each_token(text, slots, context):
    assert scan(text, slots, context) == named(text, slots, context)


def test_the_pattern_for_tokens_does_not_grow_with_their_number():
    """It did, and was tried from its beginning at every place: 30,000 merge tags took half a minute."""
    few, many = ([f"LP0123abcdm{number}z" for number in range(most)] for most in (3, 30_000))

    shape = re.compile(_shape(many))

    assert shape.pattern == _shape(few)
    assert all(map(shape.fullmatch, many))
