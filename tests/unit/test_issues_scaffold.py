"""What `newsletter init` and `newsletter new` write is complete, valid and never overwrites."""

from __future__ import annotations

import re
import stat
from datetime import date

import pytest

from newsletter.config import Settings, load_publication
from newsletter.errors import IssueError, UsageError
from newsletter.issues import create_issue, create_publication, load_issue, observations, parse_document
from newsletter.resources import builtin_templates

DAY = date(2026, 4, 11)


def test_a_new_publication_is_valid_and_says_what_was_written(tmp_path):
    folder = tmp_path / "coast-letter"
    written = create_publication(folder)
    assert sorted(path.relative_to(folder).as_posix() for path in written) == [
        ".gitignore",
        "issues/welcome.md",
        "newsletter.toml",
    ]
    publication = load_publication(folder).settings.publication
    assert (publication.name, publication.sender) == ("Coast Letter", "Coast Letter <news@example.com>")
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == sorted(
        p.name for p in written
    )
    assert "newsletter.db*" in (folder / ".gitignore").read_text()


def test_what_holds_addresses_is_kept_out_of_git(tmp_path):
    create_publication(tmp_path)
    ignored = (tmp_path / ".gitignore").read_text().splitlines()
    assert {"newsletter.db*", "*.rejects.csv", "outbox/", "secrets/"} <= set(ignored)


def test_the_welcome_issue_shows_every_part_and_has_nothing_to_note(tmp_path):
    create_publication(tmp_path, "Braces {{ here }}")
    issue = load_issue(tmp_path / "issues" / "welcome.md")
    document = parse_document(issue)
    assert document.title == "Welcome to Braces {{ here }}"
    assert observations(issue, document) == []
    assert len(document.tags) == 2
    assert len(document.sources) == 1


@pytest.mark.parametrize("name", ['Tom "T" & Co., Ltd. \\o/', "新聞 <x>", "O'Neill’s #1", "Ümlaut"])
def test_any_name_survives_the_settings_file(tmp_path, name):
    create_publication(tmp_path, name)
    publication = load_publication(tmp_path).settings.publication
    assert publication.name == name


def test_every_setting_is_in_the_starter_file_as_key_or_comment():
    starter = (builtin_templates() / "starter" / "newsletter.toml.j2").read_text(encoding="utf-8")
    for section, field in Settings.model_fields.items():
        part = starter.partition(f"[{section}]\n")[2].partition("\n[")[0]
        for name, key in field.annotation.model_fields.items():
            assert re.search(rf"^(# )?{key.alias or name} = ", part, re.MULTILINE), f"{section}.{name}"


def test_the_commented_settings_are_valid_too(tmp_path):
    create_publication(tmp_path)
    path = tmp_path / "newsletter.toml"
    path.write_text(
        re.sub(r"^# (?=\w+ = )", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE), "utf-8"
    )
    assert load_publication(tmp_path).settings.smtp.username == "newsletter"


def test_a_publication_is_never_made_twice_and_other_files_stay(tmp_path):
    (tmp_path / ".gitignore").write_text("mine")
    assert tmp_path / ".gitignore" not in create_publication(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "mine"
    with pytest.raises(UsageError, match="already"):
        create_publication(tmp_path)


def test_what_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        create_publication(tmp_path / "file" / "x")
    with pytest.raises(IssueError, match="cannot be written"):
        create_issue(tmp_path / "file", "T", DAY)
    with pytest.raises(UsageError, match="control characters"):
        create_publication(tmp_path / "new", "a\x07b")
    with pytest.raises(UsageError, match="needs a title"):
        create_issue(tmp_path, "  ", DAY)


def test_a_new_issue_has_title_date_and_a_name_of_both(tmp_path):
    path = create_issue(tmp_path / "issues", "What we: {{ learned }}", DAY)
    assert path.name == "2026-04-11-what-we-learned.md"
    issue = load_issue(path)
    assert (issue.date, parse_document(issue).title) == (DAY, "What we: {{ learned }}")
    assert stat.S_IMODE(path.stat().st_mode) & 0o400
    assert list(path.parent.iterdir()) == [path]


def test_a_new_issue_overwrites_nothing(tmp_path):
    path = create_issue(tmp_path, "T", DAY, "# mine")
    with pytest.raises(IssueError, match="already") as caught:
        create_issue(tmp_path, "T", DAY)
    assert str(path) in caught.value.where
    assert "mine" in path.read_text()


def test_front_matter_that_comes_along_is_kept_but_for_title_and_date(tmp_path):
    body = "---\ntitle: old\nauthors: [Ann]\npublication: P\n---\n\ntext\n"
    issue = load_issue(create_issue(tmp_path, "new", DAY, body))
    assert (issue.title, issue.date, issue.authors, issue.extra) == (
        "new",
        DAY,
        ("Ann",),
        {"publication": "P"},
    )
    assert issue.body.strip() == "text"
