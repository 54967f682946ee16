"""`newsletter theme`, as people run it."""

from __future__ import annotations

import json


def test_list_names_the_built_in_themes_and_those_of_the_publication(bare):
    (bare.root / "themes" / "digest").mkdir(parents=True)
    (bare.root / "themes" / "digest" / "theme.toml").write_text(
        '[light]\naccent = "#004488"\n', encoding="utf-8"
    )
    (bare.root / "themes" / "mine").mkdir()
    (bare.root / "themes" / "mine" / "issue.mjml.j2").write_text("<mjml></mjml>", encoding="utf-8")

    rows = [line.split("\t")[:2] for line in bare.ok("theme", "list").out.splitlines()]

    assert rows == [
        ["digest", "publication, over built in"],
        ["letter", "built in"],
        ["mine", "publication"],
        ["product", "built in"],
    ]
    assert [theme["name"] for theme in bare.ok("theme", "list", "--json").json] == [name for name, _ in rows]


def test_show_tells_settings_and_where_files_are(bare):
    shown = bare.ok("theme", "show", "letter")
    assert "light.accent\t#1f5f5b" in shown.out
    document = json.loads(bare.ok("theme", "show", "letter", "--json").out)
    assert document["settings"]["width"] == 560
    assert document["files"]["signature.mjml.j2"].endswith("letter/signature.mjml.j2")


def test_an_ejected_theme_is_the_publication_s_own_and_changes_its_issues(bare):
    paths = bare.ok("theme", "eject", "digest").out.splitlines()
    assert f"{bare.root}/themes/digest/footer.mjml.j2" in paths
    footer = bare.root / "themes" / "digest" / "footer.mjml.j2"
    text = footer.read_text(encoding="utf-8")
    footer.write_text(
        text.replace('<p class="links">', '<p>Made by hand.</p>\n<p class="links">'), encoding="utf-8"
    )

    bare.ok("build", "plain")

    assert "Made by hand." in (bare.root / "build" / "plain.html").read_text(encoding="utf-8")


def test_eject_never_overwrites_without_force(bare):
    bare.ok("theme", "eject", "digest")
    mine = bare.root / "themes" / "digest" / "theme.toml"
    mine.write_text("width = 500\n", encoding="utf-8")

    refused = bare.run("theme", "eject", "digest")

    assert refused.code == 4
    assert refused.lines[1] == "hint: add `--force` to replace it"
    assert mine.read_text(encoding="utf-8") == "width = 500\n"
    bare.ok("theme", "eject", "digest", "--force")
    assert mine.read_text(encoding="utf-8") != "width = 500\n"


def test_eject_works_without_a_publication_when_told_where(bare, tmp_path):
    (tmp_path / "empty").mkdir()
    nowhere = bare.run("-C", str(tmp_path / "empty"), "theme", "eject", "letter", cwd=tmp_path)
    assert nowhere.code == 2
    assert "--to DIR" in nowhere.err
    bare.ok("-C", str(tmp_path / "empty"), "theme", "eject", "letter", "--to", str(tmp_path / "mine"))
    assert (tmp_path / "mine" / "blocks.html.j2").is_file()


def test_an_unknown_theme_or_setting_is_told_with_the_nearest(bare):
    unknown = bare.run("theme", "show", "leter")
    assert unknown.code == 4
    assert unknown.lines == ["error: leter: there is no theme `leter`", "hint: did you mean `letter`?"]
    (bare.root / "themes" / "digest").mkdir(parents=True)
    settings = bare.root / "themes" / "digest" / "theme.toml"
    settings.write_text('[light]\nacent = "#004488"\n', encoding="utf-8")
    wrong = bare.run("build", "plain")
    assert wrong.code == 4
    assert wrong.lines == [
        f"error: {settings}:2: `light.acent` is not a setting of a theme",
        "hint: did you mean `accent`?",
    ]


def test_check_warns_of_colours_that_are_hard_to_read(bare):
    """With the file and line of the theme; a warning stops no send."""
    (bare.root / "themes" / "digest").mkdir(parents=True)
    settings = bare.root / "themes" / "digest" / "theme.toml"
    settings.write_text('[light]\nsoft = "#bbbbbb"\n', encoding="utf-8")

    found = bare.ok("check", "plain", "--format", "json").json["findings"]

    faint = [finding for finding in found if finding["rule"] == "theme-contrast"]
    assert [(each["severity"], each["file"], each["line"]) for each in faint] == [
        ("warning", str(settings), 2)
    ] * 3
    assert "`light.soft` on `light.page` has a contrast of" in faint[0]["message"]


def test_a_logo_takes_the_place_of_the_name_at_the_width_that_is_set(bare):
    (bare.root / "themes" / "digest").mkdir(parents=True)
    settings = bare.root / "themes" / "digest" / "theme.toml"
    settings.write_text('logo = "https://x.example/logo.png"\nlogo_width = 120\n', encoding="utf-8")

    bare.ok("build", "plain")

    html = (bare.root / "build" / "plain.html").read_text(encoding="utf-8")
    logo = next(tag for tag in html.split("<img ")[1:] if "logo.png" in tag).split(">")[0]
    assert 'width="120"' in logo
    assert 'alt=""' not in logo


def test_a_merge_tag_of_the_theme_without_a_default_is_told_with_its_file_and_line(bare):
    (bare.root / "themes" / "digest").mkdir(parents=True)
    masthead = bare.root / "themes" / "digest" / "headline.mjml.j2"
    masthead.write_text(
        '<mj-text><h1>{{ issue.title }}</h1>\n<p>{{ merge("subscriber.first_name") }}</p></mj-text>\n',
        encoding="utf-8",
    )

    found = bare.run("check", "plain", "--format", "json").json["findings"]

    (lacking,) = [finding for finding in found if finding["rule"] == "merge-default"]
    assert (lacking["file"], lacking["line"]) == (str(masthead), 2)
