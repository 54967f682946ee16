"""Reading issue files: what is no issue is refused in one line with a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import IssueError
from newsletter.issues import load_issue, parse_document, parse_issue, slugify
from newsletter.issues.loader import LARGEST
from newsletter.issues.slugs import Anchors


def refused(path: Path) -> IssueError:
    with pytest.raises(IssueError) as caught:
        load_issue(path)
    return caught.value


def test_the_slug_is_the_front_matters_else_the_given_else_the_files_name(tmp_path):
    path = tmp_path / "2026-04-11 Größe & Ruß.md"
    path.write_text("# T", encoding="utf-8")
    assert load_issue(path).slug == "2026-04-11-grosse-russ"
    assert parse_issue("# T", path, "given").slug == "given"
    assert parse_issue("---\ntitle: t\nslug: own\n---", path, "given").slug == "own"
    assert parse_issue("# Some title").slug == "some-title"


def test_a_missing_file_names_those_that_are_near(tmp_path):
    (tmp_path / "spring.md").write_text("# T")
    error = refused(tmp_path / "sprnig.md")
    assert error.what == "there is no such file"
    assert "`spring.md`" in error.hint
    assert "newsletter new" in refused(tmp_path / "none" / "x.md").hint


def test_what_is_no_text_is_refused(tmp_path):
    cases = {
        "empty.md": (b" \n\n", "empty"),
        "latin.md": ("# T\n\nGrüße".encode("latin-1"), "no UTF-8 text"),
        "utf16.md": ("# T".encode("utf-16"), "no UTF-8 text"),
        "null.md": (b"# T\n\n\0", "NUL"),
        "word.docx": (b"PK\x03\x04\x14\0\x06\0\x08\0\xe2\x28", "no text but a ZIP archive"),
        "zip.md": (b"PK\x03\x04 without the other sign", "no text but a ZIP archive"),
        "late.md": (b"# T\n\n\xe2\x28\0", "no text: it has NUL"),
        "big.md": (b"# T\n" + b"x" * LARGEST, "larger than 5 MB"),
    }
    for name, (content, what) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        error = refused(path)
        assert what in error.what
        assert error.hint
        assert str(path) in error.where
    assert refused(tmp_path / "latin.md").where.endswith(":3")
    assert "folder" in refused(tmp_path).what
    assert "cannot be read" in refused(Path("bad\0name")).what


def test_slugs_are_short_ascii_and_differ_for_other_scripts():
    assert slugify("Café №1: l’été") == "cafe-no1-lete"
    assert slugify("周报", fallback="part") != slugify("日报", fallback="part")
    assert slugify("周报").startswith("issue-")
    long = slugify("word " * 40, longest=22)
    assert long == "word-word-word-word"
    assert slugify("x" * 100, longest=10) == "x" * 10


def test_anchors_are_unique_in_a_document():
    anchors = Anchors()
    anchors.reserve("source-1")
    assert [anchors.take(text) for text in ("A", "a", "a-2", "A", "Source 1")] == [
        "a", "a-2", "a-2-2", "a-3", "source-1-2",
    ]  # fmt: skip


def test_an_issue_of_a_thousand_links_is_read():
    line = "- [Some link](https://example.com/a/b?x=1&y=2) for {{ subscriber.first_name }}\n"
    document = parse_document(parse_issue("# T\n\n" + line * 1000))
    assert len(document.tags) == 1000
