"""What the address of a studio page says."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.studio.look import Look, View
from newsletter.studio.modes import Mode


def test_an_empty_query_is_both_widths_in_light_mode_with_images():
    assert Look.of({}) == Look(View.BOTH, Mode.LIGHT, images=True, reader="", find="")


def test_what_is_default_is_not_said():
    assert Look().but() == "?"
    assert Look(mode=Mode.DARK).but(view=View.TEXT) == "?view=text&mode=dark"
    assert Look(mode=Mode.DARK).but(mode=Mode.LIGHT) == "?"


@given(
    st.builds(
        Look,
        st.sampled_from(View),
        st.sampled_from(Mode),
        st.booleans(),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=50).map(str.strip),
    )
)
@settings(deadline=None)
def test_a_look_survives_its_query_string(look):
    assert Look.of(dict(parse_qsl(look.but()[1:], keep_blank_values=True))) == look


@given(
    st.dictionaries(
        st.sampled_from(["view", "mode", "images", "as", "find", "width", "with", "against", "among"]),
        st.text(),
    )
)
@settings(deadline=None)
def test_any_query_is_some_look(query):
    look = Look.of(query)

    assert look.view in View
    assert len(look.reader) <= 200
    assert len(look.find) <= 100
