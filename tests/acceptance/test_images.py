"""Images beside an issue, from the command line: written out, attached, and kept for those who were mailed."""

from __future__ import annotations

import re
from base64 import b64encode
from email import message_from_bytes, policy

from fakes.images import png


def add_image(letter) -> None:
    (letter.root / "issues" / "gate.png").write_bytes(png(40, 20))
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text(encoding="utf-8") + "\n![The gate](gate.png)\n", encoding="utf-8")


def test_build_writes_the_images_where_it_is_told(bare):
    add_image(bare)
    done = bare.ok("build", "plain", "-o", "out", "--assets", "public/media", "--json")
    (image,) = (bare.root / "public" / "media").iterdir()
    assert image.read_bytes() == png(40, 20)
    assert f"public/media/{image.name}" in done.json["files"]
    html = (bare.root / "out" / "plain.html").read_text(encoding="utf-8")
    assert f'src="https://news.example.com/media/{image.name}"' in html


def test_build_without_a_folder_publishes_nothing(bare):
    add_image(bare)
    bare.ok("build", "plain", "-o", "out")
    assert not (bare.root / "media").exists()


def test_build_says_where_pictures_are_seen_that_are_not_published_yet(bare):
    """With a command that shows them; an issue without pictures needs none."""
    assert "picture" not in bare.ok("build", "plain", "-o", "out").err
    add_image(bare)
    told = bare.ok("build", "plain", "-o", "out").err
    assert "plain.html shows its 1 picture from https://news.example.com/media/" in told
    (command,) = re.findall(r"`newsletter (build [^`]*)`", told)
    assert "picture" not in bare.ok(*command.split()).err
    copy = (bare.root / "plain-preview.html").read_text(encoding="utf-8")
    assert f"data:image/png;base64,{b64encode(png(40, 20)).decode()}" in copy.replace("&quot;", '"')


def test_send_and_test_publish_first(letter):
    add_image(letter)
    letter.ok("test", "plain", "me@example.com")
    (image,) = (letter.root / "media").iterdir()
    image.unlink()
    letter.ok("send", "plain", "--dry-run")
    assert not image.exists()
    letter.ok("send", "plain", "--yes")
    assert image.read_bytes() == png(40, 20)


def test_an_image_that_is_not_there_is_one_error_with_its_line(bare):
    add_image(bare)
    (bare.root / "issues" / "gate.png").rename(bare.root / "issues" / "gates.png")
    before = bare.files()
    done = bare.run("build", "plain", "-o", "out")
    assert done.code == 4
    assert done.lines[0].endswith("plain.md:22: there is no image `gate.png`")
    assert done.lines[1] == "hint: did you mean `gates.png`?"
    assert bare.files() == before


def attach_images(letter) -> None:
    path = letter.root / "newsletter.toml"
    path.write_text(path.read_text(encoding="utf-8") + 'images = "attach"\n', encoding="utf-8")


def attached(path) -> tuple[str, bytes]:
    """The content id and the bytes of the one image in a message, which its HTML shows."""
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    text, related = message.iter_parts()
    html, image = related.iter_parts()
    assert (text.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    name = str(image["Content-ID"]).strip("<>")
    assert f'src="cid:{name}"' in html.get_content()
    return name, image.get_content()


def test_an_attached_image_goes_with_every_message_that_is_sent(letter):
    add_image(letter)
    attach_images(letter)
    letter.ok("send", "plain", "--yes")
    messages = sorted((letter.root / "outbox").rglob("*.eml"))
    assert len(messages) == 4
    assert {attached(path)[1] for path in messages} == {png(40, 20)}
    assert [path.read_bytes() for path in (letter.root / "media").iterdir()] == [png(40, 20)]


def test_an_attached_image_goes_with_a_test_message_and_with_what_build_writes(letter):
    add_image(letter)
    attach_images(letter)
    letter.ok("test", "plain", "me@example.com")
    (message,) = (letter.root / "outbox").rglob("*.eml")
    assert attached(message)[1] == png(40, 20)

    letter.ok("build", "plain", "-o", "out", "--assets", "public/media")
    name, content = attached(letter.root / "out" / "plain.eml")
    assert content == png(40, 20)
    html = (letter.root / "out" / "plain.html").read_text(encoding="utf-8")
    (shown,) = re.findall(r"https://news.example.com/media/([0-9a-f]{16}.png)", html)
    assert (letter.root / "public" / "media" / shown).read_bytes() == content
    assert name == f"{shown.removesuffix('.png')}@images"


def test_an_attached_image_that_went_missing_stops_a_dispatch_before_anybody_is_mailed(letter):
    add_image(letter)
    attach_images(letter)
    toml = letter.root / "newsletter.toml"
    working = toml.read_text(encoding="utf-8")
    toml.write_text(working + '[delivery]\nprovider = "smtp"\n[smtp]\nport = 1\n', encoding="utf-8")
    assert letter.run("send", "plain", "--yes").code == 1
    (image,) = (letter.root / "media").iterdir()
    content = image.read_bytes()
    image.unlink()

    done = letter.run("resume", "plain-1", "--yes")
    assert done.code == 1
    assert any(line.endswith(f"{image.name}: an attached image is not there") for line in done.lines)
    assert any("4 who are pending" in line for line in done.lines)

    image.write_bytes(content)
    assert "an attached image" not in letter.run("resume", "plain-1", "--yes").err


def add_logo(letter, content: bytes | None) -> None:
    theme = letter.root / "themes" / "digest"
    theme.mkdir(parents=True)
    (theme / "theme.toml").write_text('width = 600\nlogo = "logo.png"\n', encoding="utf-8")
    if content:
        (theme / "logo.png").write_bytes(content)


def test_a_logo_beside_the_theme_is_published_like_the_images_of_an_issue(letter):
    """Also where the issue has another image of that name."""
    add_logo(letter, png(400, 80))
    add_image(letter)
    (letter.root / "issues" / "gate.png").rename(letter.root / "issues" / "logo.png")
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text(encoding="utf-8").replace("gate.png", "logo.png"), encoding="utf-8")
    letter.ok("doctor")
    letter.ok("check", "plain")
    letter.ok("send", "plain", "--yes")

    published = {image.name: image.read_bytes() for image in (letter.root / "media").iterdir()}
    assert set(published.values()) == {png(400, 80), png(40, 20)}
    letter.ok("build", "plain", "-o", "out")
    html = (letter.root / "out" / "plain.html").read_text(encoding="utf-8")
    (logo,) = re.findall(r'<img[^>]*src="https://news.example.com/media/([^"]*)"[^>]*width="200"', html)
    assert published[logo] == png(400, 80)


def test_a_logo_is_attached_where_images_are(letter):
    add_logo(letter, png(400, 80))
    letter.environment["NEWSLETTER_PUBLICATION__IMAGES"] = "attach"
    letter.ok("build", "plain", "-o", "out")

    message = message_from_bytes((letter.root / "out" / "plain.eml").read_bytes(), policy=policy.default)
    assert [part.get_content() for part in message.walk() if part.get_content_type() == "image/png"] == [
        png(400, 80)
    ]


def test_an_ejected_copy_of_a_theme_has_its_logo(bare):
    add_logo(bare, png(400, 80))
    bare.ok("theme", "eject", "digest", "--to", "themes/mine")

    assert (bare.root / "themes" / "mine" / "logo.png").read_bytes() == png(400, 80)


def test_a_logo_that_is_not_there_is_told_with_its_line(letter):
    add_logo(letter, None)
    for command in (("build", "plain", "-o", "out"), ("doctor",)):
        done = letter.run(*command)
        assert done.code == 4
        assert "theme.toml:2: there is no image `logo.png`" in done.err
        assert "hint: put the file beside theme.toml" in done.err
