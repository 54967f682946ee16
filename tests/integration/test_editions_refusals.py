"""What cannot be compiled is refused with its file and line, the issue's or the theme's."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fakes.compiling import EVERYTHING, PUBLICATION, THEME, compiled

from newsletter.editions import (
    compile_issue,
)
from newsletter.errors import IssueError, ThemeError
from newsletter.issues import load_issue


class TestRefusals:
    """A mistake is told with its file, line and column, and how to mend it."""

    @pytest.mark.parametrize(
        ("tag", "hint"),
        [
            ("subscriber.fist_name", "did you mean `first_name`?"),
            ("links.unsubscibe", "did you mean `unsubscribe`?"),
            ("issue.titel", "did you mean `title`?"),
            ("publication.nam", "did you mean `name`?"),
            ('subscriber.name | defualt("x")', "did you mean `default`?"),
        ],
    )
    def test_a_misspelt_merge_tag_is_an_error_where_it_stands(self, tag, hint):
        with pytest.raises(IssueError) as raised:
            compiled(f"First.\n\nHello {{{{ {tag} }}}}.")
        assert raised.value.where.endswith("issues/x.md:8:7")
        assert raised.value.hint == hint

    def test_a_misspelt_condition_is_an_error_where_it_stands(self):
        with pytest.raises(IssueError) as raised:
            compiled("{% if subscriber.topcs %}\n\nx\n\n{% endif %}")
        assert ":6:" in raised.value.where
        assert raised.value.hint == "did you mean `topics`?"

    def test_attributes_are_checked_when_they_are_known(self):
        body = "Hello {{ subscriber.city | default('there') }}."
        compiled(body)
        compiled(body, attributes={"city"})
        with pytest.raises(IssueError, match=r"subscriber\.city"):
            compiled(body, attributes={"town"})

    def test_a_tag_that_is_the_same_for_everybody_needs_a_value(self):
        with pytest.raises(IssueError, match="has no value"):
            compiled("On {{ issue.date }}.")
        assert "On no day" in compiled("On {{ issue.date | default('no day') }}.").html

    def test_a_tag_within_a_style_is_refused(self):
        with pytest.raises(IssueError, match="within a style"):
            compiled('<p style="color: {{ subscriber.colour }}">x</p>\n')

    def test_nesting_without_end_is_refused_with_its_line(self):
        with pytest.raises(IssueError, match="nested") as raised:
            compiled("ok\n\n" + "<div>" * 3000)
        assert raised.value.where.endswith("x.md:8")

    def test_a_theme_without_labels_is_refused(self):
        with pytest.raises(ThemeError, match="labels"):
            compile_issue(load_issue(EVERYTHING), replace(THEME, settings={}), PUBLICATION)


class TestBrokenThemes:
    """An error of a theme names the file and line of the theme."""

    def broken(self, file: str, old: str, new: str) -> ThemeError:
        source = THEME.files[file]
        assert old in source
        theme = replace(THEME, files={**THEME.files, file: source.replace(old, new)})
        with pytest.raises(ThemeError) as raised:
            compile_issue(load_issue(EVERYTHING), theme, PUBLICATION)
        self.line = source[: source.index(old)].count("\n") + 1
        return raised.value

    @pytest.mark.parametrize(
        ("old", "new", "what"),
        [
            ("labels.unsubscribe", "labels.unsubscirbe", "unsubscirbe"),
            ("publication.name", "pubblication.name", "pubblication"),
            ("{% if publication.postal_address %}", "{% if publication.postal_address", "no Jinja"),
            ("{{ labels.preferences }}", "{{ merge('subscriber.fist_name') }}", "fist_name"),
            ("{{ labels.preferences }}", "{{ 1 / 0 }}", "division"),
            ('href="{{ links.unsubscribe }}"', 'href="{{ links.unsubscibe }}"', "unsubscibe"),
            ("</mj-text>", "</mj-txt>", "closes nothing"),
            ("<mj-column>", "<mj-colum>", "no component"),
        ],
    )
    def test_it_names_file_and_line(self, old, new, what):
        error = self.broken("footer.mjml.j2", old, new)
        assert what in error.what
        assert re.search(r"footer\.mjml\.j2:\d+(:\d+)?$", error.where)

    def test_an_unknown_name_is_told_at_its_very_line(self):
        error = self.broken("footer.mjml.j2", "labels.why", "labels.wy")
        assert error.where.endswith(f"footer.mjml.j2:{self.line}")

    def test_a_missing_macro_is_named(self):
        error = self.broken("blocks.html.j2", "macro callout(", "macro calout(")
        assert "callout" in error.what

    def test_a_missing_file_is_named(self):
        error = self.broken("issue.mjml.j2", "footer.mjml.j2", "foot.mjml.j2")
        assert "foot.mjml.j2" in error.what


def test_emphasis_that_is_nested_too_deep_is_told_with_its_line() -> None:
    with pytest.raises(IssueError, match="nested more than 50 deep") as caught:
        compiled("Text.\n\n> A quotation\n>\n> with " + "<b>" * 60 + "x" + "</b>" * 60)

    assert caught.value.where == "issues/x.md:10"
