"""Images that go with the message: from the issue to what SMTP, SendGrid, a browser and the studio get."""

from __future__ import annotations

import re
from base64 import b64decode

import pytest
from fakes.dispatching import fill, plan, run
from fakes.images import jpeg, png
from fakes.providers import ScriptedProvider
from fakes.sendgrid import KEY, sendgrid
from pydantic import SecretStr
from webclient import WebClient

from newsletter.config import Publication, SendgridSettings, Settings
from newsletter.editions import press, publish, read_attached
from newsletter.errors import DeliveryError
from newsletter.messages import Composer, Envelope, Recipient
from newsletter.providers.sendgrid import SendgridProvider
from newsletter.public import create_app
from newsletter.public.web_version import web_version
from newsletter.studio import create_studio

URL = "https://news.example.com"
BODY = '![A](a.png "Caption")\n\nin ![B](b.jpg) line\n\n<p><img src="a.png" alt="C"></p>\n\n![D](https://x.example/d.png)'
FILES = {"a.png": png(900, 20), "b.jpg": jpeg(16, 16)}


def made(tmp_path, **more: str) -> Publication:
    said = {"name": "Coast", "from": "Coast <coast@example.com>", "url": URL, "postal_address": "1 Quay"}
    (tmp_path / "issues").mkdir(exist_ok=True)
    (tmp_path / "newsletter.toml").write_text(
        "[publication]\n" + "".join(f'{key} = "{value}"\n' for key, value in {**said, **more}.items()),
        encoding="utf-8",
    )
    return Publication(tmp_path, Settings(publication={**said, **more}))


@pytest.fixture
def publication(tmp_path) -> Publication:
    return made(tmp_path, images="attach")


def write(publication, body: str = BODY, front: str = "", files: dict[str, bytes] = FILES):
    for name, content in files.items():
        (publication.issues / name).write_bytes(content)
    path = publication.issues / "x.md"
    path.write_text(f"---\ntitle: T\n{front}---\n{body}\n", encoding="utf-8")
    return path


def sources(html: str) -> list[str]:
    return re.findall(r'<img [^>]*src="([^"]*)"', html)


class TestCompiling:
    def test_local_images_are_shown_by_content_id_and_named_once(self, publication):
        pressed = press(publication, write(publication))
        first, second = pressed.edition.attachments
        assert sources(pressed.edition.html) == [
            f"cid:{first.content_id}",
            f"cid:{second.content_id}",
            f"cid:{first.content_id}",
            "https://x.example/d.png",
        ]
        assert (first.media_type, second.media_type) == ("image/png", "image/jpeg")
        assert (first.size, second.size) == (len(FILES["a.png"]), len(FILES["b.jpg"]))
        assert [image.name for image in pressed.images] == [first.name, second.name]
        assert re.fullmatch(r"[0-9a-f]{16}@images", first.content_id)

    @pytest.mark.parametrize("theme", ["digest", "letter", "product"])
    def test_every_theme_attaches_every_kind_of_image(self, publication, theme):
        body = "::: cards\n\n### One\n\n![A](a.png)\n\nText.\n\n:::\n\n[![B](b.jpg)](https://youtu.be/x)\n"
        front = f"theme: {theme}\nauthors:\n  - name: Ann\n    image: c.png\n    about: Writes.\n"
        files = {**FILES, "c.png": png(112, 112)}
        edition = press(publication, write(publication, body, front, files)).edition
        assert len(edition.attachments) == 3
        assert f"{URL}/media/" not in edition.html

    def test_an_issue_overrides_its_publication(self, tmp_path, publication):
        assert not press(publication, write(publication, front="images: publish\n")).edition.attachments
        published = made(tmp_path)
        assert not press(published, write(published)).edition.attachments
        assert press(published, write(published, front="images: attach\n")).edition.attachments

    def test_another_content_is_another_edition(self, publication):
        first = press(publication, write(publication)).edition
        second = press(publication, write(publication, files={"a.png": png(900, 20, (1, 2, 3))})).edition
        assert first.digest != second.digest


class TestReading:
    def test_what_was_published_is_read_whatever_became_of_the_files(self, publication):
        pressed = press(publication, write(publication))
        publish(pressed.images, publication.media)
        for name in FILES:
            (publication.issues / name).unlink()
        contents = read_attached(pressed.edition, publication.media)
        assert list(contents.values()) == list(FILES.values())

    def test_a_file_that_is_gone_or_changed_is_told(self, publication):
        pressed = press(publication, write(publication))
        first, _ = publish(pressed.images, publication.media)
        first.write_bytes(png(1, 1))
        with pytest.raises(DeliveryError, match="not the one") as caught:
            read_attached(pressed.edition, publication.media)
        assert caught.value.where == str(first)
        first.unlink()
        with pytest.raises(DeliveryError, match="not there"):
            read_attached(pressed.edition, publication.media)
        with pytest.raises(DeliveryError, match="not there"):
            read_attached(pressed.edition, None)


class TestDispatching:
    def test_nothing_is_handed_over_when_an_image_is_missing_and_it_goes_on_when_it_is_back(
        self, publication, sqlite_engine
    ):
        fill(sqlite_engine, 3)
        provider = ScriptedProvider()
        pressed = press(publication, write(publication))
        planned = plan(sqlite_engine, provider, what=pressed.edition).dispatch

        with pytest.raises(DeliveryError, match="not there"):
            run(sqlite_engine, provider, planned, media=publication.media)
        assert not provider.taken

        publish(pressed.images, publication.media)
        ended = run(sqlite_engine, provider, planned, media=publication.media)
        assert (ended.accepted, ended.pending) == (3, 0)

        for path in publication.media.iterdir():
            path.unlink()
        assert run(sqlite_engine, provider, planned, media=publication.media).accepted == 3

    def test_sendgrid_gets_each_image_once_a_request(self, publication):
        pressed = press(publication, write(publication))
        envelope = Envelope.of(publication.settings.publication, "x")
        composer = Composer(pressed.edition, envelope, pressed.contents())
        links = {name: f"{URL}/{name}" for name in ("unsubscribe", "preferences", "web")}
        batch = [
            composer.compose(Recipient(f"r{number}@example.com", "", {}, links), f"d{number}", 0.0)
            for number in range(3)
        ]
        with sendgrid() as fake:
            settings = SendgridSettings(host=fake.url, timeout=60.0)
            with SendgridProvider(settings, key=SecretStr(KEY)).connect("x-1") as connection:
                list(connection.send(batch))
            (request,) = fake.bodies
        for sent, attachment in zip(request["attachments"], pressed.edition.attachments, strict=True):
            assert b64decode(sent.pop("content"), validate=True) == pressed.contents()[attachment.name]
            assert sent == {
                "type": attachment.media_type,
                "filename": attachment.name,
                "disposition": "inline",
                "content_id": attachment.content_id,
            }


class TestShowing:
    def test_the_web_version_loads_them_from_the_web(self, publication, sqlite_engine):
        pressed = press(publication, write(publication))
        publish(pressed.images, publication.media)
        html = web_version(pressed.edition, URL).html
        assert "cid:" not in html
        address = sources(html)[0]
        client = WebClient(create_app(publication, sqlite_engine))
        assert client.get(address.removeprefix(URL)).content == FILES["a.png"]

    def test_the_studio_shows_them_before_anything_is_published(self, publication):
        path = write(publication)
        client = WebClient(create_studio(publication, None))
        frame = client.get("/issues/x/frame").text
        assert "cid:" not in frame
        assert [client.get(address).content for address in sources(frame)[:2]] == list(FILES.values())
        message = client.get("/issues/x/message.eml")
        assert b"multipart/related" in message.content

        path.with_name("a.png").unlink()
        assert client.get("/issues/x").status_code == 200
        assert client.get("/issues/x/frame").status_code == 200
