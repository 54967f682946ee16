"""Every place in the MJML leads back to the line of the theme that wrote it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.config import PublicationSettings
from newsletter.editions import compile_issue, load_theme
from newsletter.editions.environment import environment
from newsletter.editions.mjml import MjmlError
from newsletter.editions.sourcemap import SourceMap
from newsletter.editions.theme import Theme
from newsletter.errors import ThemeError
from newsletter.issues import load_issue

MAIN = """\
{# a comment
   of two lines #}
{% set title = "Hello" %}
{% macro box(text, size) -%}
  <mj-text font-size="{{ size }}" colr="x">
    {{- text -}}
  </mj-text>
{%- endmacro %}
<mjml>
{% for name in ["a", "b"] %}
  {% include "part.mjml.j2" %}
{% endfor %}
{{ box("one", "1px") }}
{% raw %}<raw {{ x }}>{% endraw %}
</mjml>
"""
PART = "<part>\n  {% if name == 'b' %}<only/>{% endif %}\n\n</part>"


def mapped(files: dict[str, str], main: str = "issue.mjml.j2") -> SourceMap:
    theme = Theme("t", files, {})
    plain = environment(theme).get_template(main).render()
    found = SourceMap(environment(theme, marked=True).get_template(main).render(), files)
    assert found.text == plain
    return found


@pytest.fixture(scope="module")
def origins() -> SourceMap:
    return mapped({"issue.mjml.j2": MAIN, "part.mjml.j2": PART})


def place(origins: SourceMap, text: str, last: bool = False) -> tuple[str, int, int | None]:
    offset = origins.text.rindex(text) if last else origins.text.index(text)
    origin = origins.origin(offset)
    assert origin is not None
    return origin.file, origin.line, origin.column


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<mjml>", ("issue.mjml.j2", 9, 1)),
        ("<part>", ("part.mjml.j2", 1, 1)),
        ("<only/>", ("part.mjml.j2", 2, 23)),
        ("</part>", ("part.mjml.j2", 4, 1)),
        ("<mj-text", ("issue.mjml.j2", 5, 3)),
        ("font-size", ("issue.mjml.j2", 5, 12)),
        ("colr", ("issue.mjml.j2", 5, 35)),
        ("1px", ("issue.mjml.j2", 5, None)),
        ("</mj-text>", ("issue.mjml.j2", 7, 3)),
        ("{{ x }}", ("issue.mjml.j2", 14, 15)),
        ("</mjml>", ("issue.mjml.j2", 15, 1)),
    ],
)
def test_a_place_is_found_through_includes_loops_and_macros(origins, text, expected):
    assert place(origins, text) == expected


def test_each_round_of_a_loop_leads_to_the_same_line(origins):
    assert place(origins, "<part>") == place(origins, "<part>", last=True)


def test_marks_do_not_change_what_conditions_on_blank_text_decide():
    source = "{% set x %}\n  {% if false %}a{% endif %}\n{% endset %}{% if x | trim %}full{% else %}empty{% endif %}"
    assert mapped({"issue.mjml.j2": source}).text == "empty"


def test_windows_line_ends_count_as_one_line():
    origins = mapped({"issue.mjml.j2": "<a>\r\n<b>\r\n<c>"})
    assert place(origins, "<c>") == ("issue.mjml.j2", 3, 1)


def test_nothing_comes_from_nowhere():
    assert SourceMap("plain", {}).origin(0) is None


class TestCompiling:
    """A theme with mistakes is refused with the places of its own files."""

    THEME = load_theme("digest")
    ISSUE = Path(__file__).resolve().parents[1] / "golden" / "editions" / "everything.md"
    PUBLICATION = PublicationSettings.model_validate({"name": "N", "from": "N <n@example.com>"})

    def refused(self, file: str, old: str, new: str) -> ThemeError:
        source = self.THEME.files[file]
        assert old in source
        theme = replace(self.THEME, files={**self.THEME.files, file: source.replace(old, new, 1)})
        with pytest.raises(ThemeError) as raised:
            compile_issue(load_issue(self.ISSUE), theme, self.PUBLICATION)
        before = source[: source.index(old)]
        self.place = f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        return raised.value

    def test_an_element_is_told_with_line_and_column(self):
        error = self.refused("footer.mjml.j2", "<mj-column", "<mj-colum")
        assert error.where.endswith(self.place)
        assert isinstance(error.__cause__, MjmlError)

    def test_an_attribute_is_told_with_line_and_column(self):
        error = self.refused("footer.mjml.j2", "css-class", "css-clas")
        assert error.where.endswith(self.place)
        assert error.hint.startswith("did you mean `css-class`?")

    def test_further_mistakes_are_listed_each_once(self):
        error = self.refused(
            "blocks.html.j2", "{% macro paragraph(block) %}", "{% macro paragraph(block) %}<mj-x/>"
        )
        assert error.what == "<mj-x> cannot stand in <mj-text>"
        assert "also" not in error.hint
        error = self.refused(
            "footer.mjml.j2", "<mj-text css-class", '<mj-text css-clas="a" aling="left" css-class'
        )
        assert "\nalso footer.mjml.j2:" in error.hint
        assert "`aling` is no attribute of <mj-text>" in error.hint

    @pytest.mark.parametrize(
        "loop",
        [
            '{% include "footer.mjml.j2" %}',
            "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
            "{% for a in range(90000) %}{% for b in range(90000) %}xxxxxxxxxx{% endfor %}{% endfor %}",
            "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
            "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
        ],
    )
    def test_a_theme_without_an_end_is_refused(self, loop):
        error = self.refused("footer.mjml.j2", "<mj-section", loop + "<mj-section")
        assert "never comes to an end" in error.what
        assert error.where
