"""Merge-tag expressions: what they may do, what a missing field is, and what is refused at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions.expressions import (
    ExpressionError,
    Missing,
    check,
    compiled,
    condition_of,
    evaluate,
    fold,
    is_constant,
    literal,
    parse,
    references,
)
from subscribers import SegmentError, parse_segment

ANYTHING = {root: lambda _: None for root in ("subscriber", "links", "issue", "publication")}
ANN = {"first_name": "Ann", "tags": ["pro", "early"], "age": 41}

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def truth(expression: str, **fields: object) -> bool:
    result = evaluate(compiled(expression), subscriber=fields, links={})
    return not isinstance(result, Missing) and bool(result)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("subscriber.first_name", "Ann"),
        ('subscriber.first_name | default("there")', "Ann"),
        ('subscriber.nickname | default("there")', "there"),
        ("subscriber.nickname | default(subscriber.first_name)", "Ann"),
        ("subscriber.nickname or subscriber.first_name", "Ann"),
        ("subscriber.first_name | upper", "ANN"),
        ('"pro" in subscriber.tags', True),
        ('"Hello " ~ subscriber.first_name', "Hello Ann"),
        ('"grown up" if subscriber.age >= 18 else "young"', "grown up"),
        ("subscriber.age * 2", 82),
        ("subscriber['first_name']", "Ann"),
    ],
)
def test_an_expression_looks_up_compares_and_formats(expression, value):
    assert evaluate(compiled(expression), subscriber=ANN, links={}) == value


@pytest.mark.parametrize(
    "expression",
    ["subscriber.x", "subscriber.x.y", "subscriber.x | upper", "'a' ~ subscriber.x", "subscriber.x + 1"],
)
def test_a_missing_field_stays_missing_in_whatever_needs_its_text(expression):
    assert isinstance(evaluate(compiled(expression), subscriber=ANN, links={}), Missing)


@pytest.mark.parametrize(
    "expression",
    [
        "subscriber.x",
        'subscriber.x == "a"',
        "subscriber.x > 3",
        "subscriber.x < 3",
        '"a" in subscriber.x',
        "subscriber.x | length > 2",
        "subscriber.age > 'forty'",
        "subscriber.first_name.upper()",
    ],
)
def test_in_a_condition_a_missing_field_and_a_type_that_does_not_fit_count_as_false(expression):
    assert truth(expression, **ANN) is False


def test_a_missing_field_differs_from_everything_and_its_negation_holds():
    assert truth('subscriber.x != "a"')
    assert truth("not subscriber.x")
    assert truth("subscriber.x is not defined")


@pytest.mark.parametrize("name", ["items", "keys", "values", "get", "pop", "copy", "__class__"])
def test_a_field_named_like_a_method_of_dict_is_a_field(name):
    expression = f'subscriber["{name}"]'
    assert evaluate(compiled(expression), subscriber={name: "mine"}, links={}) == "mine"
    assert isinstance(evaluate(compiled(expression), subscriber={}, links={}), Missing)


@pytest.mark.parametrize(
    "expression",
    [
        "subscriber.__class__.__mro__",
        "subscriber.first_name.__class__",
        "subscriber.first_name.format",
        '"a" * 999999999',
        "subscriber.first_name * 999999999",
        "9 ** 9 ** 9 ** 9",
        '"%999999999d" % 1',
        "links.__init__",
    ],
)
def test_the_sandbox_gives_neither_attributes_nor_endless_values(expression):
    result = evaluate(compiled(expression), subscriber=ANN, links={})
    assert isinstance(result, Missing)


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("subscriber.first_name.upper()", "calls something"),
        ("subscriber.first_name | center(99)", "no filter `center`"),
        ("first_name", "`first_name` is not known"),
        ("range(9)", "calls something"),
        ("subscriber", "names no field"),
        ("subscriber.a +", "no expression"),
        ("subscriber.a subscriber.b", "no expression"),
        ("subscriber.a }}{{ x", "no expression"),
        ("(" * 2000 + "subscriber.a" + ")" * 2000, "no expression"),
        ("subscriber.a is nonsense", "no expression"),
    ],
)
def test_what_can_never_work_is_refused_with_a_hint(expression, what):
    with pytest.raises(ExpressionError, match=what) as raised:
        check(expression, ANYTHING)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        ('"pro" in subscriber.tags and subscriber.age >= 18', True),
        ("subscriber.premium == 1", False),
        ('not (subscriber.age > "x")', True),
        ('"4" in subscriber.age', False),
        ('subscriber.joined >= "2026-01-01"', True),
        ("subscriber.joined > days_ago(30)", True),
        ("subscriber.joined < days_ago(-1)", True),
        ('subscriber.first_name is startswith("A")', True),
        ('subscriber.first_name | lower == "ann"', True),
        ("subscriber.nothing is defined", False),
        ("subscriber.tags | length > 1", True),
        ('subscriber.first_name ~ "x" == "Annx"', True),
    ],
)
def test_a_condition_holds_as_a_segment_would(expression, truth):
    """Where a segment can ask the same, it answers; all else is asked of Jinja."""
    fields = {**ANN, "premium": True, "joined": datetime.now(UTC).date()}
    check(expression, ANYTHING)

    assert bool(condition_of(expression)({"subscriber": fields, "links": {}})) is truth
    try:
        assert parse_segment(expression).matches(fields) is truth
    except SegmentError:
        assert "length" in expression or "~" in expression


@pytest.mark.parametrize(
    "expression",
    [
        "days_ago(30)",
        "subscriber.joined > days_ago",
        "subscriber.joined > days_ago()",
        "subscriber.joined > days_ago(range(9))",
        "subscriber.joined > days_ago(30) or subscriber.tags | length > days_ago(1)",
        "joined > days_ago(30)",
        "opened_within(90)",
        'segment("builders")',
        "days_ago.x == 1",
    ],
)
def test_of_functions_a_condition_knows_days_ago_where_a_segment_would(expression):
    with pytest.raises(ExpressionError):
        check(expression, ANYTHING)


def test_a_misspelt_filter_is_told_the_right_one():
    with pytest.raises(ExpressionError) as raised:
        check('subscriber.a | defualt("x")', ANYTHING)
    assert raised.value.hint == "did you mean `default`?"


def test_every_field_that_is_looked_up_is_found():
    tree = parse('subscriber.a | default(publication.name) if "x" in subscriber["b"] else links.web')
    assert set(references(tree)) == {
        ("subscriber", "a"),
        ("publication", "name"),
        ("subscriber", "b"),
        ("links", "web"),
    }


def test_constants_are_folded_and_nothing_else_is_touched():
    constants = {"publication": {"name": 'The "Daily" \\ News'}, "issue": {}}
    folded = fold("subscriber.issue | default( publication.name )", constants)
    assert evaluate(compiled(folded), subscriber={}, links={}) == 'The "Daily" \\ News'
    assert fold("issue.date", constants) == "issue.date"
    assert fold("subscriber.publication.name", constants) == "subscriber.publication.name"
    assert fold('"publication.name"', constants) == '"publication.name"'


def test_an_expression_is_constant_when_it_speaks_of_no_recipient():
    assert is_constant("issue.title | upper")
    assert not is_constant("issue.title ~ subscriber.name")
    assert not is_constant("links.web")


@given(plain_values)
@settings(max_examples=100, deadline=None)
def test_a_literal_of_a_value_evaluates_to_the_value(value):
    result = evaluate(compiled(literal(value)), subscriber={}, links={})
    assert result == value or str(result).replace("\r\n", "\n") == str(value)


@given(
    st.sampled_from(
        [
            "subscriber.a",
            'subscriber.a | default("x")',
            'subscriber.b|d("é\'")',
            "links.a",
            '"x" in subscriber.a',
            "1 in subscriber.a",
            'subscriber.a == "x"',
            "subscriber.b == 1",
            "links.a == none",
        ]
    ),
    st.dictionaries(
        st.sampled_from("ab"),
        st.text("xé", min_size=1) | st.integers(0, 2) | st.lists(st.sampled_from(["x", "y", 1])),
    ),
)
@settings(max_examples=100, deadline=None)
def test_the_shortcut_for_common_forms_gives_what_jinja_gives(expression, fields):
    jinja = compiled(f"({expression}) if true else 0")
    quick, slow = (
        evaluate(function, subscriber=fields, links=fields) for function in (compiled(expression), jinja)
    )
    assert quick == slow or (isinstance(quick, Missing) and isinstance(slow, Missing))
