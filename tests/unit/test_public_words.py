"""Words as search knows them, in any script."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.public.words import asked, means, words_of


def found(query: str, text: str) -> bool:
    """Whether all that *query* asks for is in *text*."""
    said = [word.text for word in words_of(text)]
    wanted = asked(query, 8)
    return bool(wanted) and all(any(means(each, word) for word in said) for each in wanted)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("swallow", "The first Swallows came."),
        ("SWALLOW first", "The first swallow."),
        ("cafe", "Ein Café in Köln"),
        ("Köln", "Ein Cafe\u0301 in Ko\u0308ln"),
        ("strasse", "Die Straße"),
        ("ecole", "L’école est finie"),
        ("l'ecole", "L’école est finie"),
        ("人工智能", "本周人工智能新闻"),
        ("智", "人工智能"),
        ("能", "人工智能"),
        ("新闻 智能", "本周人工智能新闻"),
        ("ニュース", "最新ニュースです"),
        ("ข่าว", "อ่านข่าววันนี้"),
        ("한국", "한국어로 읽기"),
        ("مدرسة", "ذهب إلى المدرسه"),
        ("المدرسة", "هذه مَدْرَسَةٌ جديدة"),
        ("احمد", "قال أحمد"),
        ("كتـــاب", "الكتاب"),
        ("والكتاب", "كتاب جديد"),
        ("новости", "Новости дня"),
        ("שלום", "שָׁלוֹם"),
        ("GPT-4", "about GPT-4 again"),
    ],
)
def test_what_is_asked_for_is_found(query, text):
    assert found(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("swallowed", "The first swallow."),
        ("ai", "It aims high."),
        ("low", "The first swallow."),
        ("智人", "人工智能"),
        ("!!! ...", "Anything."),
        ("' OR 1=1 --", "Anything at all."),
    ],
)
def test_what_is_not_there_is_not_found(query, text):
    assert not found(query, text)


def test_a_query_is_cut_to_so_many_words():
    assert asked("a b c d e f g h i j", 8) == list("abcdefgh")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_every_word_of_a_text_stands_where_it_says(text):
    for word in words_of(text):
        assert word.text
        assert 0 <= word.begin < word.end <= len(text)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_a_text_is_found_by_itself(text):
    """Whatever the script: if it has words at all, asking for it finds it."""
    if asked(text, 50):
        assert found(text, text)
