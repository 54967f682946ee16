"""Local images: measured, refused when no mail can show them, published by content, and served for ever."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest
from fakes.images import gif, jpeg, png, webp
from hypothesis import given
from hypothesis import strategies as st
from webclient import WebClient

from newsletter.config import Publication, Settings
from newsletter.editions import press, publish, read_images
from newsletter.editions.media import LARGEST, find_published
from newsletter.errors import IssueError, NewsletterError
from newsletter.issues import load_issue, parse_document
from newsletter.public import create_app
from newsletter.studio import create_studio

URL = "https://news.example.com"


@pytest.fixture
def publication(tmp_path) -> Publication:
    said = {"name": "Coast", "from": "Coast <coast@example.com>", "url": URL, "postal_address": "1 Quay"}
    (tmp_path / "issues" / "art").mkdir(parents=True)
    (tmp_path / "newsletter.toml").write_text(
        "[publication]\n" + "".join(f'{key} = "{value}"\n' for key, value in said.items()), encoding="utf-8"
    )
    return Publication(tmp_path, Settings(publication=said))


def write(publication, body: str, **files: bytes):
    """An issue whose body begins on line 4, and files beside it."""
    for name, content in files.items():
        (publication.issues / name).write_bytes(content)
    path = publication.issues / "x.md"
    path.write_text(f"---\ntitle: T\n---\n{body}\n", encoding="utf-8")
    return path


def read(publication, body: str, **files: bytes):
    issue = load_issue(write(publication, body, **files))
    return read_images(issue, parse_document(issue), publication.root)


def refused(publication, body: str, **files: bytes) -> IssueError:
    with pytest.raises(IssueError) as caught:
        read(publication, body, **files)
    return caught.value


def images_of(html: str) -> list[dict[str, str]]:
    return [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<img ([^>]*)>", html)]


class TestReading:
    @pytest.mark.parametrize(
        ("content", "form", "size"),
        [
            (png(30, 20), "png", (30, 20)),
            (gif(30, 20), "gif", (30, 20)),
            (jpeg(30, 20), "jpg", (30, 20)),
            (jpeg(30, 20, orientation=6), "jpg", (20, 30)),
            (webp(30, 20), "webp", (30, 20)),
        ],
    )
    def test_format_and_size_are_those_of_the_content_whatever_the_name(
        self, publication, content, form, size
    ):
        (publication.issues / "a.xyz").write_bytes(content)
        (image,) = read(publication, "![a](a.xyz)").values()
        assert (image.format, (image.width, image.height)) == (form, size)
        assert re.fullmatch(rf"[0-9a-f]{{16}}\.{form}", image.name)

    def test_a_name_that_ends_in_2x_has_twice_the_pixels(self, publication):
        (publication.issues / "a@2x.png").write_bytes(png(61, 40))
        assert read(publication, "![a](a@2x.png)")["a@2x.png"].width == 30

    def test_addresses_are_relative_to_the_issue_and_may_have_spaces(self, publication):
        (publication.issues / "art" / "one two.png").write_bytes(png(3, 2))
        (publication.root / "logo.png").write_bytes(png(4, 2))
        images = read(publication, "![a](<art/one two.png>) ![b](../logo.png)")
        assert [image.width for image in images.values()] == [3, 4]

    def test_what_is_elsewhere_or_personal_is_not_read(self, publication):
        body = (
            "![a](https://x.example/a.png) ![b](/b.png) ![c](cid:c) ![d]({{ subscriber.tags }}.png) ![](#e)"
        )
        assert read(publication, body) == {}

    def test_a_missing_image_is_refused_with_its_line_and_the_names_near_it(self, publication):
        (publication.issues / "chart.png").write_bytes(png(3, 2))
        error = refused(publication, "a\n\n![a](chrat.png)")
        assert error.where.endswith("x.md:6")
        assert error.hint == "did you mean `chart.png`?"

    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG"),
            (b'<?xml version="1.0"?><svg/>', "is an SVG"),
            (b"%PDF-1.7", "is no image"),
            (b"", "is no image"),
            (png(3, 2)[:12], "is a damaged image"),
            (png(3, 2) + b"\0" * LARGEST, "has 2.0 MB"),
        ],
    )
    def test_what_no_mail_shows_is_refused(self, publication, content, what):
        (publication.issues / "a.png").write_bytes(content)
        error = refused(publication, "![a](a.png)")
        assert what in error.what
        assert error.hint

    def test_a_file_outside_of_the_publication_is_refused(self, publication):
        (publication.root.parent / "secret.png").write_bytes(png(3, 2))
        assert "outside" in refused(publication, "![a](../../secret.png)").what
        (publication.issues / "link.png").symlink_to(publication.root.parent / "secret.png")
        assert "outside" in refused(publication, "![a](link.png)").what

    def test_a_folder_is_refused(self, publication):
        assert "cannot be read" in refused(publication, "![a](art)").what

    def test_a_changed_file_is_looked_at_again(self, publication):
        (publication.issues / "a.png").write_bytes(png(3, 2))
        first = read(publication, "![a](a.png)")["a.png"]
        (publication.issues / "a.png").write_bytes(png(4, 2))
        os.utime(publication.issues / "a.png", ns=(1, 1))
        assert read(publication, "![a](a.png)")["a.png"].name != first.name


class TestPressing:
    def test_the_html_has_published_addresses_and_widths(self, publication):
        body = '![A](a.png "Caption")\n\n![B](b@2x.png)\n\n![C](a.png){width=200}\n\nin ![D](d.png) line\n\n'
        body += '<p><img src="d.png" alt="E"></p>\n\n![F](wide.png)\n'
        (publication.issues / "b@2x.png").write_bytes(png(300, 20))
        sizes = {"a.png": png(900, 20), "d.png": png(16, 16), "wide.png": png(1200, 20)}
        pressed = press(publication, write(publication, body, **sizes))
        shown = {image["alt"]: image for image in images_of(pressed.edition.html)}
        names = {image.path.name: f"{URL}/media/{image.name}" for image in pressed.images}
        assert {alt: image.get("width") for alt, image in shown.items()} == {
            "A": "520",
            "B": "150",
            "C": "200",
            "D": "16",
            "E": None,
            "F": "520",
        }
        assert shown["A"]["src"] == shown["C"]["src"] == names["a.png"]
        assert shown["D"]["src"] == shown["E"]["src"] == names["d.png"]
        assert "max-width:150px" in shown["B"]["style"]

    def test_the_same_picture_under_two_names_is_published_once(self, publication):
        pressed = press(
            publication,
            write(publication, "![a](a.png)\n\n![b](b.png)", **dict.fromkeys(("a.png", "b.png"), png(3, 2))),
        )
        assert len(pressed.images) == 1

    def test_portraits_of_authors_are_published_too(self, publication):
        path = write(publication, "x", **{"ann.png": png(112, 112)})
        front = "title: T\nauthors:\n  - name: Ann\n    image: ann.png\n    about: Writes.\n"
        path.write_text(f"---\n{front}---\nx\n", encoding="utf-8")
        pressed = press(publication, path)
        assert f'src="{URL}/media/{pressed.images[0].name}" alt=""' in pressed.edition.html
        assert "Writes." in pressed.edition.html

    def test_another_content_is_another_edition(self, publication):
        first = press(publication, write(publication, "![a](a.png)", **{"a.png": png(3, 2)}))
        second = press(publication, write(publication, "![a](a.png)", **{"a.png": png(3, 2, (1, 2, 3))}))
        assert first.edition.digest != second.edition.digest


class TestPublishing:
    def test_files_are_copied_once_under_the_names_of_their_content(self, publication):
        images = list(read(publication, "![a](a.png)", **{"a.png": png(3, 2)}).values())
        (path,) = publish(images, publication.media)
        assert path == publication.media / images[0].name
        assert path.read_bytes() == png(3, 2)
        path.write_bytes(b"kept")
        assert publish(images, publication.media) == [path]
        assert path.read_bytes() == b"kept"
        assert [each.name for each in publication.media.iterdir()] == [path.name]

    def test_a_file_that_changed_since_it_was_read_is_not_published(self, publication):
        (image,) = read(publication, "![a](a.png)", **{"a.png": png(3, 2)}).values()
        with pytest.raises(NewsletterError, match="changed"):
            publish([replace(image, digest="0" * 64)], publication.media)
        assert list(publication.media.iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_told(self, publication):
        (publication.root / "media").write_text("a file", encoding="utf-8")
        with pytest.raises(NewsletterError, match="cannot be published"):
            publish([], publication.media)

    @given(
        st.text(max_size=30) | st.sampled_from(["../newsletter.toml", "..%2f", "0123456789abcdef.png/../x"])
    )
    def test_no_other_name_finds_a_file(self, name):
        from pathlib import Path

        assert find_published(Path(__file__).parent, name) is None


class TestServing:
    def test_readers_get_published_images_and_nothing_else(self, publication, sqlite_engine):
        (image,) = read(publication, "![a](a.png)", **{"a.png": png(3, 2)}).values()
        client = WebClient(create_app(publication, sqlite_engine))
        assert client.get(f"/media/{image.name}").status_code == 404
        publish([image], publication.media)
        answer = client.get(f"/media/{image.name}")
        assert (answer.status_code, answer.content) == (200, png(3, 2))
        assert answer.headers["content-type"] == "image/png"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.head(f"/media/{image.name}").status_code == 200
        (publication.media / "notes.txt").write_text("x", encoding="utf-8")
        for other in ("notes.txt", "..%2fnewsletter.toml", "%2e%2e/newsletter.toml", image.name.upper()):
            assert client.get(f"/media/{other}").status_code == 404

    def test_the_studio_shows_images_that_are_not_published_yet(self, publication):
        path = write(publication, "![a](a.png)", **{"a.png": png(3, 2)})
        client = WebClient(create_studio(publication, None))
        frame = client.get("/issues/x/frame").text
        (address,) = re.findall(r'src="(/media/[^"]+)"', frame)
        assert client.get(address).content == png(3, 2)
        assert client.get("/media/0123456789abcdef.png").status_code == 404
        assert URL + "/media/" not in frame
        assert path.exists()

    def test_the_studio_notices_an_image_that_comes_later(self, publication):
        write(publication, "![a](a.png)")
        client = WebClient(create_studio(publication, None))
        assert client.get("/issues/x/frame").status_code == 404
        (publication.issues / "a.png").write_bytes(png(3, 2))
        assert client.get("/issues/x/frame").status_code == 200
