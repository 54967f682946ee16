"""Each rule has an issue that it accuses, at its line, and the clean issue that it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, FormatChecker

from newsletter.checks import RULES, Finding, Severity, Subject, check_edition, check_subject
from newsletter.checks.sarif import to_sarif
from newsletter.checks.worst import LINKS
from newsletter.config import ChecksSettings, PublicationSettings, TrackingSettings
from newsletter.editions import Attachment, compile_issue, load_theme
from newsletter.issues import parse_document, parse_issue
from tests.fakes.publications import checked

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PUBLICATION = PublicationSettings(
    name="Letter", sender="Letter <a@example.com>", postal_address="1 Example Street"
)
CLEAN = """\
---
title: A clean issue
date: 2026-05-01
preheader: What this issue says in one line, long enough for an inbox.
---

A deck with a [link that says where](https://example.com/there) it leads.

## One section

Some text, {{ subscriber.first_name | default("reader") }}.
"""

#: Rule → what is changed in the clean issue, and the line that is named.
WRONG = {
    "subject-length": (("title: A clean issue", "title: " + "A long subject " * 6), 2),
    "preheader-missing": (
        ("preheader: What this issue says in one line, long enough for an inbox.\n", ""),
        1,
    ),
    "preheader-length": (("What this issue says in one line, long enough for an inbox.", "Short."), 4),
    "placeholder-text": (("Some text", "TODO text"), 11),
    "link-text": (("link that says where", "here"), 7),
    "link-empty": (("https://example.com/there", "#"), 7),
    "link-local": (("https://example.com/there", "http://localhost:8000/x"), 7),
    "link-http": (("https://example.com/there", "http://example.com/there"), 7),
    "link-syntax": (("https://example.com/there", "https:///there"), 7),
    "link-scheme": (("https://example.com/there", "htp:/foo"), 7),
    "link-relative": (("https://example.com/there", "example.com/foo"), 7),
    "link-anchor": (("https://example.com/there", "#nowhere"), 7),
    "html-removed": (("Some text", "Some <lower> text"), 11),
    "merge-default": ((' | default("reader")', ""), 11),
    "image-alt": (("Some text", "![](https://example.com/a.png)\n\nSome text"), 11),
    "gmail-clip": (("Some text", "Some text. " * 10_000), None),
}


def found(text: str, publication: PublicationSettings = PUBLICATION):
    """What all rules find in an issue."""
    issue = parse_issue(text, None, "issue")
    edition = compile_issue(issue, load_theme("digest"), publication)
    return check_edition(issue, parse_document(issue), edition, publication)


def test_a_clean_issue_has_no_findings() -> None:
    """No rule cries wolf."""
    assert found(CLEAN) == []


@pytest.mark.parametrize("rule", WRONG)
def test_a_rule_accuses_what_it_is_for(rule: str) -> None:
    """The finding has the rule's name and the line."""
    (before, after), line = WRONG[rule]
    assert before in CLEAN
    accused = [finding for finding in found(CLEAN.replace(before, after)) if finding.rule == rule]

    assert [finding.line for finding in accused] == [line]


def test_the_length_of_a_subject_is_that_which_readers_see() -> None:
    """A merge tag counts as the value that stands there, not as the expression."""
    expression = '{{ subscriber.first_name | default("dear reader of this letter") }}'
    tag = f"subject: '{expression}, what happened in spring'\n"

    assert "subject-length" not in {seen.rule for seen in found(CLEAN.replace("date:", f"{tag}date:"))}


@pytest.mark.parametrize(("size", "accused"), [(700_000, []), (800_000, ["attachment-weight"])])
def test_attached_images_that_make_every_message_heavy_are_told(size: int, accused: list[str]) -> None:
    """What counts is the message: base64 makes images a third larger."""
    text = CLEAN.replace("date:", "images: attach\ndate:")
    issue = parse_issue(text, None, "issue")
    edition = compile_issue(issue, load_theme("digest"), PUBLICATION)
    image = Attachment("0123456789abcdef.png", "image/png", "0123456789abcdef@images", size)
    heavy = replace(edition, attachments=(image,))
    findings = check_edition(issue, parse_document(issue), heavy, PUBLICATION)

    assert [finding.rule for finding in findings] == accused
    assert {finding.line for finding in findings} <= {3}


def test_a_publication_without_a_postal_address_is_warned() -> None:
    """CAN-SPAM asks for one."""
    (finding,) = found(CLEAN, PUBLICATION.model_copy(update={"postal_address": " "}))

    assert (finding.rule, finding.file, finding.severity) == (
        "postal-address",
        "newsletter.toml",
        Severity.WARNING,
    )


def test_an_edition_without_a_way_out_is_an_error() -> None:
    """Both forms must have the unsubscribe link."""
    issue = parse_issue(CLEAN, None, "issue")
    edition = compile_issue(issue, load_theme("digest"), PUBLICATION)
    slots = tuple(slot for slot in edition.slots if slot.expression != "links.unsubscribe")
    findings = check_edition(issue, parse_document(issue), replace(edition, slots=slots), PUBLICATION)

    assert [finding.rule for finding in findings] == ["unsubscribe-link", "unsubscribe-link"]
    assert {finding.severity for finding in findings} == {Severity.ERROR}


def test_a_misspelt_root_is_an_error() -> None:
    """A tag that would be mailed as text to everybody stops a send."""
    accused = found(CLEAN.replace("subscriber.first_name", "subscribr.first_name"))

    assert [finding.severity for finding in accused] == [Severity.ERROR]
    assert accused[0].line == 11


def test_the_worst_comes_first() -> None:
    """Errors before warnings before notes."""
    text = CLEAN.replace("https://example.com/there", "#").replace("Some text", "TODO text")

    assert [finding.severity for finding in found(text)] == [Severity.ERROR, Severity.WARNING]


def test_findings_are_told_as_sarif() -> None:
    """The log has the rule, the level and the place of each finding."""
    log = json.loads(json.dumps(to_sarif(found(CLEAN.replace("https://example.com/there", "#")))))
    (result,) = log["runs"][0]["results"]

    assert log["version"] == "2.1.0"
    assert log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "link-empty"
    assert (result["ruleId"], result["level"]) == ("link-empty", "error")
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 7


def test_sarif_has_what_its_standard_demands() -> None:
    """Of every rule an id and a help URI, of every result a message and a place that can be found (3.27, 3.49)."""
    text = CLEAN.replace("https://example.com/there", "http://example.com/there").replace("Some", "Some TODO")
    (run,) = to_sarif([replace(finding, file="issues/my issue.md") for finding in found(text)])["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]

    assert [rule["id"] for rule in rules] == ["link-http", "placeholder-text"]
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert rule["helpUri"].startswith("https://")
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
    for result in results:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "issues/my%20issue.md"
        assert place["region"]["startLine"] >= 1


def test_a_condition_on_a_field_guards_its_value() -> None:
    """Who lacks it does not get the block, so no default is needed there."""
    guarded = "{% if subscriber.first_name %}\n\n{{ subscriber.first_name }}, hello.\n\n{% endif %}"
    accused = found(CLEAN.replace("Some text", guarded + "\n\nSome text"))

    assert accused == []


def accused(target: str, before: str = "https://example.com/there") -> list[tuple[str, Severity, str]]:
    """What is found once *target* stands in the place of a part of the clean issue."""
    return [(seen.rule, seen.severity, seen.hint) for seen in found(CLEAN.replace(before, target))]


@pytest.mark.parametrize(
    ("target", "rule", "hint"),
    [
        ("htp:/foo", "link-scheme", "did you mean `http:`?"),
        ("foo:bar", "link-scheme", "known: `http:`, `https:`, `mailto:`, `tel:`"),
        ("example.com:8080/x", "link-scheme", "write https://example.com:8080/x"),
        ("example.com/foo", "link-relative", "write https://example.com/foo"),
        ("www.example.museum", "link-relative", "write https://www.example.museum"),
        ("example.de", "link-relative", "write https://example.de"),
        ("ann@example.com", "link-relative", "write mailto:ann@example.com"),
        ("#one-sektion", "link-anchor", "did you mean `#one-section`?"),
        ("javascript:alert(1)", "link-scheme", "write where it leads on the web: `https://…`"),
    ],
)
def test_a_broken_link_is_an_error_that_says_how_to_mend_it(target: str, rule: str, hint: str) -> None:
    """Else the reader gets a link that leads nowhere, or text that looks like one."""
    assert accused(target) == [(rule, Severity.ERROR, hint)]


@pytest.mark.parametrize(
    "target",
    [
        *("/issues/x", "other.html", "notes.md", "notes.md#part", "2026-05/plan.pdf", "#one-section", "#top"),
        *("mailto:ann@example.com", "tel:+1555", "{{ links.web }}", "HTTPS://example.com/"),
    ],
)
def test_a_link_that_leads_somewhere_is_not_accused(target: str) -> None:
    """Relative paths lead to the publication, anchors to headings."""
    assert accused(target) == []


@pytest.mark.parametrize(
    "link",
    [
        *(
            "[Node.js](https://nodejs.org/)",
            "[ASP.NET](https://dotnet.microsoft.com/)",
            "[you@x](mailto:a@b.de)",
        ),
        *("[example.com](https://www.example.com/a)", "[README.md](https://git.example.org/README.md)"),
        "[see example.com](https://example.org/)",
    ],
)
def test_a_name_with_a_dot_is_no_address(link: str) -> None:
    """Nor is a text in which an address stands among other words."""
    assert accused(link, "[link that says where](https://example.com/there)") == []


def test_anchors_are_those_of_sources_and_of_raw_html_too() -> None:
    """Whatever the mail has can be linked to."""
    text = 'See [one](#source-1), [two](#here).\n\n<p id="here">x</p>\n\n## Sources\n\n1. A report\n'

    assert accused(text, "Some text") == []


def test_links_in_raw_html_are_checked_on_their_line() -> None:
    """An editor who writes HTML is told as well."""
    findings = found(CLEAN.replace("Some text", '<p>\n<a href="foo:bar">x</a>\n</p>\n\nSome text'))

    assert [(seen.rule, seen.line) for seen in findings] == [("link-scheme", 12)]


def test_an_address_of_another_kind_that_can_be_read_is_a_warning() -> None:
    """The link is dropped, but the reader sees where it would lead."""
    assert [each[:2] for each in accused("<ftp://example.com/x>", "Some text")] == [
        ("link-scheme", Severity.WARNING)
    ]


def test_code_and_escaped_text_are_no_broken_links() -> None:
    """Who writes about links is not accused."""
    assert accused("`[j](javascript:x)`", "Some text") == []
    assert accused("\\[j](javascript:x)", "Some text") == []


def test_a_picture_behind_an_element_is_told_as_removed() -> None:
    """A plain colour as the whole `background` is kept, and so nothing is said of it."""
    findings = found(
        CLEAN.replace(
            "Some text",
            '<p style="background: yellow">Kept</p>\n\n<p style="background:url(a.png)">Gone</p>\n\nSome text',
        )
    )

    assert [(seen.rule, seen.line) for seen in findings if seen.rule == "html-removed"] == [
        ("html-removed", 13)
    ]


@pytest.mark.parametrize(
    ("tag", "severity"),
    [
        ("*|FNAME|*", "error"),
        ("*|IF:FNAME|*", "error"),
        ("%%first_name%%", "error"),
        ("%recipient.first_name%", "error"),
        ("{FIRST_NAME}", "warning"),
        ("{first_name}", "warning"),
        ("[[name]]", "warning"),
        ("`*|FNAME|*`", None),
        ("100 %% sure, 5 % or 10 %", None),
        ("a set {name, place}", None),
    ],
)
def test_a_merge_tag_of_another_service_stops_the_issue_if_it_can_be_nothing_else(tag, severity) -> None:
    """What may be prose is a warning; what is in code is text."""
    findings = [seen for seen in found(CLEAN.replace("Some text", tag)) if seen.rule == "merge-foreign"]

    assert [seen.severity for seen in findings] == ([severity] if severity else [])


def test_a_merge_tag_of_another_service_in_the_subject_is_an_error() -> None:
    """It is the first that everybody reads."""
    findings = found(CLEAN.replace("title: A clean issue", "title: '*|FNAME|*, a clean issue'"))

    assert [(seen.severity, seen.line) for seen in findings if seen.rule == "merge-foreign"] == [("error", 2)]


def test_removed_html_is_told_once_for_a_line_with_how_to_escape_it() -> None:
    """What disappears from the mail must not do so in silence."""
    html = "<form>\n<b>x</b>\n<input><input>\n</form>\n\n<script>x</script>\n\nSome text `<code>`"
    findings = found(CLEAN.replace("Some text", html))

    assert [(seen.rule, seen.line) for seen in findings] == [("html-removed", line) for line in (11, 13, 16)]
    assert {seen.severity for seen in findings} == {Severity.WARNING}
    assert findings[0].hint.startswith("if it is text, escape `<` as `&lt;`")


def test_what_a_theme_uses_is_told_at_its_own_line() -> None:
    """A theme of one's own is judged, the built-in one below it is not."""
    built_in = load_theme("digest")
    css = built_in.files["interactive.css.j2"] + "@media only screen { .cell { display: grid; } }\n"
    theme = replace(built_in, files={**built_in.files, "interactive.css.j2": css})
    issue = parse_issue(CLEAN, None, "issue")
    edition = compile_issue(issue, theme, PUBLICATION)
    (seen,) = check_edition(issue, parse_document(issue), edition, PUBLICATION, theme)

    assert (seen.rule, seen.line) == ("client-support", css.count("\n"))
    assert seen.file.endswith("interactive.css.j2")
    assert "Outlook (Windows)" in seen.clients
    assert seen.link == "https://www.caniemail.com/features/css-display-grid/"


def test_what_the_html_says_is_told_at_the_line_of_the_issue() -> None:
    """Raw HTML that no rule on the text sees has its line, too."""
    text = CLEAN.replace(
        "Some text", '<p>Long <span style="font-size:9px">small print</span></p>\n\nSome text'
    )
    issue, theme = parse_issue(text, None, "issue"), load_theme("digest")
    edition = compile_issue(issue, theme, PUBLICATION)
    (seen,) = check_edition(issue, parse_document(issue), edition, PUBLICATION, theme)

    assert (seen.rule, seen.file, seen.line) == ("font-small", "issue", 11)


def test_what_is_written_as_sarif_holds_to_the_official_schema(tmp_path, monkeypatch) -> None:
    """Findings of every severity, with and without a place, in files here, elsewhere, and with odd names."""
    schema = json.loads((GOLDEN / "sarif" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    text = CLEAN.replace("https://example.com/there", "#").replace("Some text", "TODO text")
    seen = found(text.replace("Some", "A"), PUBLICATION.model_copy(update={"sender": "a@example.com"}))
    files = ("issues/ä b#1.md", str(tmp_path / "issues" / "one.md"), "/elsewhere/two.md", "../three.md")
    monkeypatch.chdir(tmp_path)
    log = json.loads(json.dumps(to_sarif([replace(each, file=file) for each in seen for file in files])))
    places = [
        each["locations"][0]["physicalLocation"]["artifactLocation"] for each in log["runs"][0]["results"]
    ]

    assert {each["level"] for each in log["runs"][0]["results"]} == {"error", "warning", "note"}
    Draft4Validator(schema, format_checker=FormatChecker()).validate(log)
    Draft4Validator(schema).validate(to_sarif([]))
    assert places[:4] == [
        {"uri": "issues/%C3%A4%20b%231.md", "uriBaseId": "SRCROOT"},
        {"uri": "issues/one.md", "uriBaseId": "SRCROOT"},
        {"uri": "file:///elsewhere/two.md"},
        {"uri": (tmp_path.parent / "three.md").as_uri()},
    ]


def test_every_rule_is_told_as_the_official_schema_wants_it() -> None:
    """Each description, example and address."""
    schema = json.loads((GOLDEN / "sarif" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    every = [Finding(rule.id, rule.severity, "issues/a.md", None, None, "found") for rule in RULES.values()]

    Draft4Validator(schema, format_checker=FormatChecker()).validate(json.loads(json.dumps(to_sarif(every))))


def test_the_bleeding_preheader_is_told_at_its_line() -> None:
    """The theme lets it bleed, and the line that does is the one that a longer one would be written on."""
    rule = RULES["preheader-bleed"]
    (finding,) = [each for each in checked(rule, rule.failing) if each.rule == "preheader-bleed"]

    assert (finding.file, finding.line) == ("issue", 3)


@pytest.mark.parametrize(("clicks", "clipped"), [(False, False), (True, True)])
def test_what_tracking_adds_can_push_the_way_out_behind_the_cut(clicks, clipped) -> None:
    """Marks in the links above it are longer than short addresses."""
    links = "\n\n".join(f"[Story number {number}](https://a.io/{number})" for number in range(150))
    issue = parse_issue(CLEAN.replace("Some text", links), None, "issue")
    edition = compile_issue(issue, load_theme("digest"), PUBLICATION)
    document = parse_document(issue)
    bare = Subject(issue, document, edition, PUBLICATION)
    (token,) = [slot.token for slot in edition.slots if slot.expression == "links.unsubscribe"]
    limit = bare.most_bytes_before(token, LINKS["unsubscribe"]) + 1_000
    subject = replace(
        bare, settings=ChecksSettings(html_bytes=limit), tracking=TrackingSettings(clicks=clicks)
    )

    assert ("unsubscribe-clipped" in {each.rule for each in check_subject(subject)}) is clipped
