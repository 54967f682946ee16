"""Footnotes, tasks, buttons, embeds, cards, contents and authors: what counts as one, and what stays text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import IssueError
from newsletter.issues import (
    Author,
    Button,
    Cards,
    Conditional,
    Contents,
    Document,
    Embed,
    Footnote,
    Footnotes,
    Listing,
    Paragraph,
    Picture,
    iter_blocks,
    iter_images,
    observations,
    outline,
    parse_document,
    parse_issue,
    text_of,
)
from newsletter.issues.embeds import place_of


def issue(body: str, front: str = ""):
    """*body* begins on line 4, or later by the lines of *front*."""
    return parse_issue(f"---\ntitle: T\n{front}---\n{body}", Path("x.md"))


def read(body: str, front: str = "") -> Document:
    return parse_document(issue(body, front))


def only(body: str):
    (block,) = read(body).lead
    return block


def refused(body: str, front: str = "") -> IssueError:
    with pytest.raises(IssueError) as caught:
        read(body, front)
    return caught.value


def notes(document: Document) -> list[Footnote]:
    return [block for block in iter_blocks(document) if isinstance(block, Footnote)]


def seen(body: str) -> list[tuple[str, int]]:
    one = issue(body)
    return [(found.rule, found.line) for found in observations(one, parse_document(one))]


class TestFootnotes:
    def test_numbers_go_on_after_those_of_the_sources_in_the_order_of_the_marks(self):
        document = read("b[^b] a[^a]\n\n[^a]: A\n[^b]: B\n\n## Sources\n\n1. one\n2. two\n")
        assert [(note.number, note.label) for note in notes(document)] == [(3, "b"), (4, "a")]
        assert [source.number for source in document.sources] == [1, 2]

    def test_a_note_may_stand_after_the_sources_and_cite_them(self):
        document = read("x[^n] [1]\n\n## Sources\n\n1. one\n\n[^n]: As [1] says.\n")
        (note,) = notes(document)
        assert [token.type for token in note.blocks[0].content][1] == "citation"
        assert note.line == 10

    def test_each_mark_has_an_anchor_of_its_own_and_the_note_leads_to_the_first(self):
        document = read("x[^n] y[^n]\n\n[^n]: N\n")
        marks = [t.meta["anchor"] for t in document.lead[0].content if t.type == "footnote_ref"]
        assert marks == ["note-1-mark", "note-1-mark-2"]
        assert (notes(document)[0].back, notes(document)[0].anchor) == ("note-1-mark", "note-1")

    def test_a_heading_never_takes_the_anchor_of_a_note(self):
        document = read("x[^n]\n\n[^n]: N\n\n## Note 1\n\n## Notes\n")
        assert [section.anchor for section in document.sections] == ["note-1-2", "notes-2"]

    def test_a_note_of_a_conditional_is_within_that_conditional(self):
        (block,) = read(
            "a\n\n{% if subscriber.x %}\nb\n{% else %}\nc[^n]\n{% endif %}\n\n[^n]: N\n"
        ).footnotes
        assert isinstance(block, Conditional)
        assert [[type(b) for b in branch.blocks] for branch in block.branches] == [[], [Footnotes]]

    def test_a_note_with_a_mark_outside_is_for_everybody(self):
        (block,) = read("a[^n]\n\n{% if subscriber.x %}\nc[^n]\n{% endif %}\n\n[^n]: N\n").footnotes
        assert isinstance(block, Footnotes)
        assert isinstance(block.blocks[0], Footnote)

    def test_a_mark_in_a_title_is_outside_of_any_conditional(self):
        (block,) = read("## T[^n]\n\n{% if subscriber.x %}\nc[^n]\n{% endif %}\n\n[^n]: N\n").footnotes
        assert isinstance(block, Footnotes)

    def test_a_mark_without_a_note_and_a_note_without_a_mark_are_noticed(self):
        assert seen("a [^x] b[^y]\n\n[^y]: Y\n[^z]: Z\n") == [("footnote-unknown", 4), ("footnote-unused", 7)]

    def test_marks_in_code_are_text(self):
        assert seen("`[^x]`\n\n```\n[^y]: code\n```\n") == []


class TestTasks:
    def test_boxes_are_taken_from_the_text(self):
        listing = only("- [ ] a\n- [x] b\n- [X] c\n- d\n")
        assert isinstance(listing, Listing)
        assert listing.checks == (False, True, True, None)
        assert [text_of(item[0].content) for item in listing.items] == ["a", "b", "c", "d"]

    @pytest.mark.parametrize(
        "body", ["- [] a\n", "- [y] a\n", "- [ ]\n", "- [x](https://x.example) a\n", "- `[ ]` a\n"]
    )
    def test_other_brackets_are_text(self, body):
        assert only(body).checks == ()


class TestButtons:
    def test_a_link_alone_with_the_mark_is_a_button(self):
        button = only("[Read *it*](https://x.example){.button}\n")
        assert isinstance(button, Button)
        assert (text_of(button.label), button.url) == ("Read it", "https://x.example")

    @pytest.mark.parametrize(
        "body",
        [
            "[a](https://x.example)\n",
            "see [a](https://x.example){.button}\n",
            "[a](https://x.example){.button} see\n",
            "[a](https://x.example){.button} [b](https://y.example){.button}\n",
            "[a](https://x.example){.buton}\n",
            "[a](https://x.example)\\{.button}\n",
            "a {.button}\n",
        ],
    )
    def test_anything_else_is_a_paragraph_that_says_what_was_typed(self, body):
        paragraph = only(body)
        assert isinstance(paragraph, Paragraph)
        assert text_of(paragraph.content).count("button}") == body.count("button}")

    def test_its_address_may_be_a_merge_tag(self):
        assert only("[Leave]({{ links.unsubscribe }}){.button}\n").url.startswith("LP")

    def test_what_looks_like_one_is_noticed(self):
        assert seen("a [b](https://x.example){.button} c\n\n![a](b.png){height=3}\n") == [
            ("attribute-kept", 4),
            ("attribute-kept", 6),
        ]


class TestPictures:
    def test_a_width_is_a_number_of_pixels(self):
        for attribute in ("{width=300}", "{ width=300px }", '{width="300"}'):
            assert only(f"![a](b.png){attribute}\n") == Picture("b.png", "a", "", 4, 300)

    def test_every_way_of_writing_an_image_is_found(self):
        one = issue(
            "![](a.png)\n\nx ![](b.png) <img src='c.png'>\n\n<p><img alt=x src=d.png></p>\n\n"
            "[![t](e.png)](https://youtu.be/abcdefghijk)\n\n::: cards\n### C\n![](f.png)\n:::\n\nn[^n]\n\n"
            "[^n]: ![](g.png)\n",
            "authors:\n  - name: Ann\n    image: ann.png\n",
        )
        found = {src for _, src in iter_images(one, parse_document(one))}
        assert found == {"ann.png", *(f"{letter}.png" for letter in "abcdefg")}


class TestEmbeds:
    @pytest.mark.parametrize(
        ("url", "kind", "service", "handle"),
        [
            ("https://www.youtube.com/watch?v=abcdefghijk&t=3", "video", "YouTube", ""),
            ("https://m.youtube.com/shorts/abcdefghijk", "video", "YouTube", ""),
            ("https://youtu.be/abcdefghijk", "video", "YouTube", ""),
            ("https://vimeo.com/channels/staffpicks/123", "video", "Vimeo", ""),
            ("https://x.com/ann/status/1234567890", "post", "X", "@ann"),
            ("https://twitter.com/ann/status/1234567890?s=20", "post", "X", "@ann"),
            ("https://bsky.app/profile/ann.example.com/post/3kab", "post", "Bluesky", "@ann.example.com"),
            ("https://bsky.app/profile/did:plc:abc/post/3kab", "post", "Bluesky", ""),
            ("https://mastodon.example/@ann/112233445566778899", "post", "Mastodon", "@ann"),
            ("https://a.example/@ann@b.example/112233445566778899", "post", "Mastodon", "@ann@b.example"),
            ("https://www.linkedin.com/posts/ann_words-activity-1", "post", "LinkedIn", ""),
            ("https://open.spotify.com/episode/0abc", "audio", "Spotify", ""),
        ],
    )
    def test_an_address_alone_on_its_line_is_one(self, url, kind, service, handle):
        embed = only(f"{url}\n")
        assert isinstance(embed, Embed)
        assert (embed.kind, embed.service, embed.handle, embed.title, embed.url) == (
            kind,
            service,
            handle,
            (),
            url,
        )

    @pytest.mark.parametrize(
        "url",
        [
            "https://www.youtube.com/@channel",
            "https://youtube.com.example.com/watch?v=abcdefghijk",
            "https://x.com/ann",
            "https://mastodon.example/@ann",
            "https://example.com/watch?v=abcdefghijk",
        ],
    )
    def test_a_profile_or_an_unknown_host_is_a_link(self, url):
        assert isinstance(only(f"{url}\n"), Paragraph)

    def test_the_words_of_a_link_are_its_title_and_an_image_its_picture(self):
        titled = only("[How *it* works](https://youtu.be/abcdefghijk)\n")
        assert text_of(titled.title) == "How it works"
        pictured = only("[![Night](n.jpg)](https://youtu.be/abcdefghijk)\n")
        assert (pictured.picture.src, pictured.picture.alt, pictured.title) == ("n.jpg", "Night", ())

    def test_an_address_in_a_sentence_is_a_link(self):
        assert isinstance(only("See https://youtu.be/abcdefghijk\n"), Paragraph)

    @given(st.text(max_size=60))
    @settings(deadline=None, max_examples=100)
    def test_any_address_is_judged(self, text):
        assert place_of(f"https://x.com/{text}") is None or "/status/" in text
        place_of(text)


class TestCards:
    def test_each_heading_begins_a_card_and_an_image_goes_on_top(self):
        cards = only("::: cards\n### A\n![p](p.png)\n\na\n\n### B\nb\n:::\n")
        assert isinstance(cards, Cards)
        assert cards.columns == 2
        first, second = cards.cards
        assert (first.picture.src, len(first.blocks)) == ("p.png", 2)
        assert (second.picture, second.line) == (None, 10)

    @pytest.mark.parametrize(
        ("info", "count", "columns"),
        [("", 2, 2), ("", 3, 3), ("", 4, 2), ("", 6, 3), (" 3", 2, 3), (" 1", 2, 1)],
    )
    def test_columns_follow_from_the_number_of_cards_unless_they_are_given(self, info, count, columns):
        body = "".join(f"### {n}\n\nx\n\n" for n in range(count))
        assert only(f"::: cards{info}\n{body}:::\n").columns == columns

    def test_a_divider_parts_cards_without_headings(self):
        assert len(only("::: cards\na\n\n---\n\nb\n:::\n").cards) == 2

    def test_headings_in_cards_begin_neither_section_nor_story(self):
        document = read("## S\n\n::: cards\n## A\na\n## B\nb\n:::\n")
        assert len(document.sections) == 1
        assert document.sections[0].stories == ()

    def test_cards_that_are_never_closed_are_refused_where_they_begin(self):
        error = refused("a\n\n::: cards\n### A\n")
        assert "never closed" in error.what
        assert error.where == "x.md:6"

    def test_cards_without_a_card_are_refused(self):
        assert "nothing in it" in refused("::: cards\n:::\n").what

    def test_other_containers_are_text_and_noticed(self):
        assert seen("::: card\nx\n:::\n") == [("container-kept", 4)]


class TestContents:
    def test_the_mark_begins_a_section_of_its_own_after_the_lead(self):
        document = read("lead\n\n[TOC]\n\n### A\n\n## B [1]\n\n### C\n\n## Sources\n\n1. s\n")
        assert len(document.lead) == 1
        assert document.sections[0].blocks == (Contents(6),)
        entries = [(text_of(e.title), [text_of(s.title) for s in e.entries]) for e in outline(document)]
        assert entries == [("A", []), ("B", ["C"])]

    def test_front_matter_asks_for_it_too(self):
        document = read("lead\n\n## A\n", "toc: true\n")
        assert isinstance(document.sections[0].blocks[0], Contents)
        assert (
            len([b for b in iter_blocks(read("[TOC]\n\n## A\n", "toc: true\n")) if isinstance(b, Contents)])
            == 1
        )

    def test_in_a_sentence_it_is_text(self):
        assert isinstance(only("The [TOC] is here\n"), Paragraph)

    def test_the_key_is_true_or_false(self):
        assert "neither true nor false" in refused("x", "toc: deep\n").what


class TestAuthors:
    def test_they_may_be_names_or_tables(self):
        one = issue(
            "x", "authors:\n  - Ann\n  - name: Ben\n    url: https://ben.example\n    about: Writes.\n"
        )
        assert one.authors == ("Ann", "Ben")
        assert one.credits == (Author("Ann"), Author("Ben", "https://ben.example", "", "Writes."))

    def test_toml_has_tables_as_well(self):
        text = '+++\ntitle = "T"\n[[authors]]\nname = "Ann"\nimage = "ann.png"\n+++\nx'
        assert parse_issue(text).credits == (Author("Ann", "", "ann.png"),)

    @pytest.mark.parametrize(
        ("front", "what"),
        [
            ("authors:\n  - nam: Ann\n", "`nam` is not known"),
            ("authors:\n  - url: https://x.example\n", "without a name"),
            ("authors:\n  - name: 3\n", "is a number"),
            ("authors: [3]\n", "no name"),
        ],
    )
    def test_what_is_no_author_is_refused_with_its_line(self, front, what):
        error = refused("x", front)
        assert what in error.what
        assert error.where == "x.md:3"


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("https://a.example/x.", "https://a.example/x"),
        ("https://a.example/ä", "https://a.example/%C3%A4"),
        ("https://a.example/x。続き", "https://a.example/x"),
        ("https://a.example/x）", "https://a.example/x"),
    ],
)
def test_a_bare_address_is_a_link_without_the_punctuation_behind_it(text, href):
    content = only(text).content
    assert [token.attrs["href"] for token in content if token.type == "link_open"] == [href]
    assert text_of(content) == text


@pytest.mark.parametrize("text", ["readme.md", "example.com", "a@b.example", "www.example.com", "ftp: x"])
def test_what_does_not_say_that_it_is_an_address_is_text(text):
    assert all(token.type == "text" for token in only(text).content)


PARTS = [
    "[^a]",
    "[^a]: n\n",
    "::: cards\n",
    ":::\n",
    "### h\n",
    "- [ ] ",
    "{.button}",
    "[x](https://x.example)",
]
PARTS += [
    "[TOC]",
    "\n",
    "\n\n",
    "> [!NOTE]\n> ",
    "{% if subscriber.x %}\n",
    "{% endif %}\n",
    "https://youtu.be/abcdefgh",
]
PARTS += ["## Sources\n", "1. s\n", "![a](b.png)", "{width=3}", "    ", "text"]


@given(st.lists(st.sampled_from(PARTS), max_size=25))
@settings(deadline=None, max_examples=100)
def test_any_mixture_is_read_or_refused_with_a_place(parts):
    try:
        document = read("".join(parts))
    except IssueError as error:
        assert error.where.startswith("x.md:")
        return
    numbers = [note.number for note in notes(document)]
    assert numbers == sorted(set(numbers))


def test_an_issue_says_whether_its_images_are_published_or_attached():
    assert issue("x", "images: attach\n").images == "attach"
    assert issue("x", "images: publish\n").images == "publish"
    assert issue("x").images is None


@pytest.mark.parametrize("value", ["attached", "[a.png]", "true"])
def test_any_other_way_for_images_is_refused_with_its_line(value):
    error = refused("x", f"images: {value}\n")
    assert "`images`" in error.what
    assert error.where == "x.md:3"
    assert error.hint


def test_a_cover_image_is_the_editors_own_key():
    assert issue("x", "image: cover.png\n").extra == {"image": "cover.png"}
