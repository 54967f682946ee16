"""How the studio shows an error."""

from __future__ import annotations

from newsletter.errors import ConfigError, IssueError, at
from newsletter.studio.trouble import Line, explain, with_code


def test_the_lines_around_the_error_are_quoted_and_its_own_is_marked(tmp_path):
    path = tmp_path / "issues" / "a.md"
    path.parent.mkdir()
    path.write_text("\n".join(f"line {number}" for number in range(1, 21)), encoding="utf-8")

    trouble = explain(IssueError("this is wrong", where=at(path, 9, 3), hint="mend it"), tmp_path)

    assert trouble.where == "issues/a.md:9:3"
    assert [line.number for line in trouble.excerpt] == [6, 7, 8, 9, 10, 11, 12]
    assert [line for line in trouble.excerpt if line.marked] == [Line(9, "line 9", marked=True)]


def test_the_first_and_the_last_line_have_fewer_around_them(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("one\ntwo\n", encoding="utf-8")

    first = explain(IssueError("x", where=at(path, 1)), tmp_path)
    assert [line.text for line in first.excerpt] == ["one", "two"]
    assert explain(IssueError("x", where=at(path, 99)), tmp_path).excerpt == ()


def test_an_error_without_a_line_or_a_file_is_shown_without_an_excerpt(tmp_path):
    path = tmp_path / "a.md"
    path.write_bytes(b"\xff\xfe")

    assert explain(IssueError("is no text", where=str(path)), tmp_path).where == "a.md"
    assert explain(ConfigError("is missing", where="NEWSLETTER_X"), tmp_path).where == "NEWSLETTER_X"
    assert explain(ConfigError("is missing"), tmp_path).excerpt == ()


def test_a_file_that_is_no_utf_8_is_quoted_all_the_same(tmp_path):
    path = tmp_path / "a.md"
    path.write_bytes(b"caf\xe9\n")

    assert explain(IssueError("x", where=at(path, 1)), tmp_path).excerpt[0].text == "caf�"


def test_what_stands_between_backticks_is_code_and_nothing_is_markup():
    shown = with_code("`{% if <x> %}` is never closed & <b>bad</b>")

    assert shown == "<code>{% if &lt;x&gt; %}</code> is never closed &amp; &lt;b&gt;bad&lt;/b&gt;"
