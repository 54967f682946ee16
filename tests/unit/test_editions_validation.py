"""Mistakes in MJML are found where they are: what the reference's validator finds, and what it lets pass."""

from __future__ import annotations

import pytest

from newsletter.editions.components import components, every_attribute
from newsletter.editions.validation import examine

HEAD = '<mj-attributes><mj-all color="#111111" /><mj-class name="big" font-size="20px" /></mj-attributes>'


def document(body: str, *, head: str = HEAD) -> str:
    return f"<mjml><mj-head>\n{head}\n</mj-head><mj-body>\n{body}\n</mj-body></mjml>"


def column(content: str) -> str:
    return document(f"<mj-section><mj-column>{content}</mj-column></mj-section>")


def told(mjml: str) -> list[str]:
    return [problem.what for problem in examine(mjml)[1]]


def only(mjml: str) -> tuple[str, str, str]:
    """The one problem of *mjml*: the text that it points at, what it is, and the hint."""
    (problem,) = examine(mjml)[1]
    return mjml[problem.offset : problem.offset + 12], problem.what, problem.hint


def test_a_document_without_mistakes_has_none():
    assert (
        told(column('<mj-text mj-class="big" css-class="a b" padding="0 4px 1.5px 10%">x <b>y</b></mj-text>'))
        == []
    )


@pytest.mark.parametrize(
    ("content", "at", "what", "hint"),
    [
        ("<mj-txt>x</mj-txt>", "<mj-txt>", "<mj-txt> is no component of MJML", "did you mean `mj-text`?"),
        ("<MJ-TEXT>x</MJ-TEXT>", "<MJ-TEXT>", "<MJ-TEXT> is no component of MJML", "did you mean `mj-text`?"),
        (
            '<mj-text colr="red">x</mj-text>',
            "colr=",
            "`colr` is no attribute of <mj-text>",
            "did you mean `color`?",
        ),
        (
            '<mj-text align="centre">x</mj-text>',
            "align=",
            "`align` cannot be `centre`",
            "did you mean `center`?",
        ),
        (
            '<mj-text font-size="1em">x</mj-text>',
            "font-size=",
            "`font-size` cannot be `1em`",
            "write a length in `px`",
        ),
        ('<mj-image src="a" title="b" title="c" />', 'title="c"', "`title` is given twice", "keep one"),
        (
            '<mj-text mj-class="bigg">x</mj-text>',
            "mj-class=",
            "there is no <mj-class> `bigg`",
            "did you mean `big`?",
        ),
        (
            "<mj-section></mj-section>",
            "<mj-section>",
            "<mj-section> cannot stand in <mj-column>",
            "it belongs into <mj-body>, <mj-wrapper>",
        ),
        (
            "<div>x</div>",
            "<div>",
            "<div> cannot stand in <mj-column>, which holds components",
            "put HTML into <mj-text> or <mj-raw>",
        ),
        (
            "lost",
            "lost",
            "text cannot stand in <mj-column>",
            "put it into a component such as <mj-text>",
        ),
        (
            "<mj-text><mj-image /></mj-text>",
            "<mj-image />",
            "<mj-image> cannot stand in <mj-text>",
            "it belongs into <mj-column>, <mj-hero>",
        ),
        (
            '<mj-include path="x" />',
            "<mj-include",
            "<mj-include> is not supported",
            "use `{% include %}` of Jinja",
        ),
        (
            '<mj-button title="x">x</mj-button>',
            "title=",
            "`title` of <mj-button> is not supported",
            "take it out; it would have no effect",
        ),
        ("<mj-image>x</mj-image>", "x</mj-image>", "text cannot stand in <mj-image>", None),
        ("<mj-spacer><!-- x --></mj-spacer>", "<!-- x -->", "a comment cannot stand in <mj-spacer>", None),
        (
            "<!--[if mso]>x<![endif]-->",
            "<!--[if mso]",
            "a conditional comment cannot stand in <mj-column>",
            "put it into <mj-raw>",
        ),
    ],
)
def test_a_mistake_is_told_where_it_stands(content, at, what, hint):
    place, told_what, told_hint = only(column(content))
    assert place.startswith(at[:12])
    assert told_what == what
    assert hint is None or told_hint == hint


@pytest.mark.parametrize(
    ("content", "at", "what"),
    [
        ("<mj-text>x", "<mj-text>x", "<mj-text> is not closed"),
        ("<mj-text><p>x</mj-text>", "<p>x</mj-tex", "<p> is not closed"),
        ("<mj-text>x</mj-text></mj-text>", "</mj-text>", "</mj-text> closes nothing"),
        ("<mj-text>1 </ 2</mj-text>", "</ 2", "this cannot be read"),
        ("<mj-text color=red>x</mj-text>", "color=red>x", "an attribute is malformed"),
        ('<mj-text color="red>x</mj-text>', "<mj-text col", "a tag never ends"),
        ("<mj-text><!-- x</mj-text>", "<!-- x", "a comment is malformed or never ends"),
        ("<mj-text><![CDATA[x]]></mj-text>", "<![CDATA[x", "MJML has no CDATA sections"),
        ("<mj-text><?php ?></mj-text>", "<?php ?>", "MJML has no declarations"),
    ],
)
def test_what_cannot_be_read_further_is_fatal(content, at, what):
    mjml = column(content)
    problem = examine(mjml)[1][-1]
    assert problem.fatal
    assert problem.what == what
    assert mjml[problem.offset :].startswith(at)


def test_all_mistakes_are_told_in_their_order():
    assert told(column('<mj-text colr="x" align="up">x</mj-text><mj-sapcer />')) == [
        "`colr` is no attribute of <mj-text>",
        "`align` cannot be `up`",
        "<mj-sapcer> is no component of MJML",
    ]


@pytest.mark.parametrize(
    ("mjml", "what"),
    [
        ("<mjml></mjml>", "there is no <mj-body>"),
        ("<mjml><mj-body></mj-body><mj-body></mj-body></mjml>", "there is a second <mj-body>"),
        ("<mjml><mj-body></mj-body></mjml>x", "there is text outside of <mjml>"),
        ("<mjml><mj-body></mj-body></mjml><mjml></mjml>", "there is something after </mjml>"),
        ("<mjml><mj-body></mj-body><mj-text>x</mj-text></mjml>", "<mj-text> cannot stand in <mjml>"),
        ('<mjml dir="up"><mj-body></mj-body></mjml>', "`dir` cannot be `up`"),
        (
            document("", head="<mj-title><b>x</b></mj-title>"),
            "<b> cannot stand in <mj-title>, which holds text only",
        ),
        (
            document("", head="<mj-style><b></b></mj-style>"),
            "<b> cannot stand in <mj-style>, which holds CSS",
        ),
        (document("", head='<mj-font name="Inter" />'), "<mj-font> has no `href`"),
        (document("", head="<mj-attributes><div /></mj-attributes>"), None),
        (
            document("", head='<mj-attributes><mj-all colr="x" /></mj-attributes>'),
            "`colr` is no attribute of <mj-all>",
        ),
        (document("", head='<mj-attributes><mj-all align="x" /></mj-attributes>'), "`align` cannot be `x`"),
        (
            document("", head='<mj-attributes><mj-class color="red" /></mj-attributes>'),
            "<mj-class> has no `name`",
        ),
    ],
)
def test_the_frame_and_the_head_are_checked_too(mjml, what):
    problems = told(mjml)
    assert len(problems) == 1
    assert what is None or problems == [what]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "padding",
            ["0", "1px", "0 1px", "1px 2% 3.5px .5px"],
            ["1", "1em", "", "1px  2px", "1px\n2px", "-1px"],
        ),
        (
            "color",
            ["red", "#fff", "#A1b2C3", "rgb(1,2,3)", "rgba(1, 2, 3, 0.5)"],
            ["Red", "#ff", "hsl(0,0%,0%)"],
        ),
        ("line-height", ["1.5", "20px", "120%", "0"], ["1em", "normal", "-1"]),
        ("letter-spacing", ["0", "-1px", "0.5em"], ["1", "1%"]),
        ("align", ["left", "justify"], ["Left", "start", ""]),
    ],
)
def test_values_have_the_form_of_their_type(name, good, bad):
    form = components()["mj-text"].attributes[name]
    assert [value for value in good if not form.accepts(value)] == []
    assert [value for value in bad if form.accepts(value)] == []


def test_tokens_of_slots_may_stand_between_components():
    body = "LP01234567m0z<mj-section></mj-section> LP01234567c1z"
    assert told(document(body)) == []
    assert told(document(body.replace("LP01234567c1z", "LP01234567c1z x"))) != []


def test_a_component_that_is_meant_for_every_attribute_takes_those_of_all():
    assert {"color", "icon-width", "tb-border"} <= every_attribute().keys()


def test_the_table_names_only_components_that_it_has():
    names = set(components()) | {"*"}
    assert [name for name, entry in components().items() if not entry.children <= names] == []
    assert [
        name for name, entry in components().items() if not entry.ignored <= entry.attributes.keys()
    ] == []
    assert {entry.holds for entry in components().values()} == {
        "components",
        "html",
        "text",
        "css",
        "nothing",
    }
