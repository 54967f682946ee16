"""A static copy of the preview: one HTML file that needs no network, to be mailed to a colleague.

Every frame carries its document with it (``srcdoc``), sandboxed as in the studio; nothing in the file is a
script, and its policy lets nothing be loaded.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.checks import INBOXES
from newsletter.editions import with_web_images
from newsletter.resources import builtin_templates
from newsletter.studio.frames import SANDBOX, frame
from newsletter.studio.modes import Mode
from newsletter.studio.readers import sender
from newsletter.studio.trouble import with_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.checks import Finding
    from newsletter.config import PublicationSettings
    from newsletter.editions import Pressed
    from newsletter.studio.proof import Proof

_REMOTE = re.compile(r"\s(?:src|background|poster|srcset)=\"(?:https?:|//)[^\"]*\"", re.IGNORECASE)
#: What a frame of the copy may do: show itself. Its images are in it.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'none'; form-action 'none'; "
    "base-uri 'none'"
)
_SANDBOX = " ".join(word for word in SANDBOX.split() if word != "allow-same-origin")


def static_copy(
    pressed: Pressed, proof: Proof, findings: Sequence[Finding], publication: PublicationSettings
) -> str:
    """One HTML page with the issue in every mode and width, its inbox rows, text, headers and findings.

    Args:
        pressed: the issue, for its images.
        proof: what one reader gets of it.
        findings: what the checks say of it.
        publication: whose it is.
    """
    html = _with_inner_images(proof, pressed, publication)
    modes = [(mode, _document(html, mode)) for mode in Mode]
    without = _document(re.sub(r"(<img\b[^>]*?)\ssrc=\"[^\"]*\"", r"\1", html), Mode.LIGHT)
    name, address = sender(publication.sender)
    text: str = (
        _environment()
        .get_template("export.html.j2")
        .render(
            publication=publication,
            pressed=pressed,
            proof=proof,
            findings=findings,
            modes=modes,
            without=without,
            sandbox=_SANDBOX,
            clients=INBOXES,
            sender={"name": name, "address": address},
            css=_css(),
        )
    )
    return text


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(builtin_templates() / "studio"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["with_code"] = with_code
    return environment


def _css() -> str:
    return (builtin_templates() / "studio" / "studio.css").read_text(encoding="utf-8")


def _document(html: str, mode: Mode) -> str:
    """The mail as a frame of the copy: links open beside it, and nothing is loaded."""
    policy = f'<meta http-equiv="content-security-policy" content="{_POLICY}">'
    return re.sub(r"(<head\b[^>]*>)", lambda head: head[1] + policy, frame(html, mode), count=1)


def _with_inner_images(proof: Proof, pressed: Pressed, publication: PublicationSettings) -> str:
    """The HTML with local images in it; those of other places are left out, their texts stay."""
    html = with_web_images(proof.html, proof.message.composer.edition, publication.url)
    for image in pressed.images:
        try:
            content = b64encode(image.path.read_bytes()).decode()
        except OSError:
            continue
        html = html.replace(
            f'"{publication.url}/media/{image.name}"',
            f'"data:image/{image.format.replace("jpg", "jpeg")};base64,{content}"',
        )
    return _REMOTE.sub("", html)
