"""Highlighted code says what the code says, and French spaces do not break."""

from __future__ import annotations

from xml.etree import ElementTree as XML

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions.highlighting import LONGEST, highlighted
from newsletter.editions.typography import typeset

LANGUAGES = ["python", "js", "html", "diff", "bash", "toml", "sql", "Rust", "nothing-known", ""]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.just("\n")),
    st.sampled_from(LANGUAGES),
)
@settings(deadline=None, max_examples=100)
def test_the_text_stays_the_same(code, language):
    root = XML.fromstring(f"<pre>{highlighted(code, language)}</pre>")
    assert "".join(root.itertext()) == code.rstrip("\n")


def test_what_belongs_together_is_one_span():
    assert highlighted("if x:  # why\n    # still", "python") == (
        '<span class="kw">if </span>x:  <span class="co"># why\n    # still</span>'
    )


def test_space_is_never_alone_between_two_elements():
    """MJML would drop it."""
    assert highlighted('  def f(): return "a" "b"\n', "python").startswith("&#32;&#32;<span")
    assert "> <" not in highlighted('return "a" + 1 if None else 2', "python")


@pytest.mark.parametrize(
    ("code", "language"), [("<b>", ""), ("<b>", "nonsense"), ("1" * (LONGEST + 1), "python")]
)
def test_what_cannot_be_highlighted_is_text(code, language):
    assert "<" not in highlighted(code, language)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Vraiment ? Oui : c’est « bien » !", "Vraiment\u00a0? Oui\u00a0: c’est «\u00a0bien\u00a0»\u00a0!"),
        ("à 10:30 ; a :-) b", "à 10:30\u00a0; a\u00a0:-) b"),
        ("Rien", "Rien"),
    ],
)
def test_a_french_space_before_a_mark_does_not_break(text, shown):
    assert typeset(text, "fr-CA") == shown
    assert typeset(text, "en") == text
