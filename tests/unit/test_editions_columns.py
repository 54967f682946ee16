"""Lines of plain text: how wide they are, and where they may break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.columns import display_width, wrap
from newsletter.editions.syllables import LONGEST, syllables

TEXTS = st.text(st.sampled_from("ab 字。「」[1], 2]👩\u200d💻🏽\ufe0f❤🇩🇪://เกะ็ำကျ\u1039်ខ្\u200b"), max_size=60)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("漢字", 4),
        ("❤", 1),
        ("❤️", 2),
        ("👩‍💻", 2),
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("🏳️‍🌈", 2),
        ("1️⃣", 2),
        ("می‌خواهم", 7),
    ],
)
def test_an_emoji_of_several_characters_is_two_columns_wide(text, columns):
    assert display_width(text) == columns


@pytest.mark.parametrize("number", ["[1]", "[1, 2]", "[12, 345, 6]"])
@pytest.mark.parametrize("before", ["word ", "word", "字", "字 "])
def test_no_line_begins_with_a_number_or_within_one(before, number):
    for padding in range(40):
        lines = wrap("x" * padding + " " + before + number + " more", 40)
        assert not any(line.startswith(("[", *"0123456789")) for line in lines)
        assert "".join(lines).replace(" ", "").count(number.replace(" ", "")) == 1


def test_the_text_around_an_address_breaks_where_text_without_blanks_may():
    text = "网址" + "https://example.com/a/long/address" + "，" + "后面继续" * 20
    lines = wrap(text, 40)
    assert all(display_width(line) <= 40 for line in lines)
    assert any("https://example.com/a/long/address" in line for line in lines)


def test_an_emoji_is_never_taken_apart():
    for cluster in ("👩‍💻", "👍🏽", "🇩🇪", "❤️‍🔥"):
        lines = wrap("字" + cluster * 60, 41)
        assert all(line.strip("字").replace(cluster, "") == "" for line in lines)


@given(TEXTS, st.integers(10, 30))
def test_wrapping_loses_and_adds_nothing(text, width):
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("แม่น้ำขึ้นเร็ว", "แม่น้ำ|ขึ้น|เร็ว"),
        ("ทำงานๆนั้นใหม่", "ทำ|งานๆ|นั้น|ใหม่"),
        ("ນ້ຳໄວແລະເມືອງ", "ນ້ຳ|ໄວ|ແລະ|ເມືອງ"),
        ("မြန်မာတက္ကသိုလ်", "မြန်|မာ|တက္က|သိုလ်"),
        ("ខ្មែរ\u200bនិង", "ខ្មែរ\u200b|និង"),
        ("ใช้AIแบบ", "ใช้AI|แบบ"),
        ("มาก“เช่นนี้", "มาก“เช่นนี้"),
        ("၂၀၂၆မြန်မာ။", "၂၀၂၆|မြန်|မာ။"),
    ],
)
def test_scripts_without_spaces_break_where_a_syllable_begins(text, parts):
    """As far as it can be seen without a dictionary."""
    assert list(syllables(text)) == parts.split("|")


def test_no_line_begins_with_what_closes_a_number_among_thai_words():
    for padding in range(40):
        lines = wrap("x" * padding + " ไทย[1], ไทย[2])ไทย", 40)
        assert not any(line[0] in ",)" for line in lines)


THAI = "น้ำในแม่น้ำขึ้นเร็วกว่าที่ตารางบอกไว้ผู้ดูแลบันทึกระดับน้ำได้สี่สิบเอ็ดเซนติเมตร"


@given(st.integers(0, 60), st.integers(30, 72))
def test_a_thai_sentence_is_no_wider_than_the_text_and_fills_its_lines(start, width):
    """No line begins with what belongs to the consonant before it, nor ends with a leading vowel."""
    lines = wrap(THAI[start:] + THAI, width)

    assert "".join(lines) == THAI[start:] + THAI
    assert all(width - LONGEST < display_width(line) <= width for line in lines[:-1])
    assert not any(line[0] in "ะาำๅๆัิีึืุู็่้๊๋์" for line in lines[1:])
    assert not any(line[-1] in "เแโใไ" for line in lines[:-1])


def test_a_web_address_in_thai_stays_whole_and_a_number_with_its_word():
    lines = wrap(f"{THAI}https://example.com/a/b{THAI}[12]", 30)

    assert any("https://example.com/a/b" in line for line in lines)
    assert not any(line.startswith("[") for line in lines)
