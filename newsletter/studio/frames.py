"""The document in a frame: the mail itself, so that it can be looked at and can do nothing."""

from __future__ import annotations

from newsletter.studio.modes import Mode, add_to_head, force_mode

# A mail may bring its own styles and images; nothing in it may run, load a document or send a form, in the
# frame or opened by itself. `allow-same-origin` lets the studio's own script measure the frame and keep its
# place; without `allow-scripts` it gives the mail nothing. Links open beside the studio.
SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"


def _headers(*, images: bool) -> dict[str, str]:
    sources = "'self' https: http: data:" if images else "'none'"
    policy = (
        f"default-src 'none'; script-src 'none'; img-src {sources}; style-src 'unsafe-inline'; "
        "font-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
        f"sandbox {SANDBOX}"
    )
    return {"content-security-policy": policy}


#: The headers of a frame, by whether images are shown.
FRAME_HEADERS = {images: _headers(images=images) for images in (True, False)}


def frame(html: str, mode: Mode) -> str:
    """The HTML of a message as it looks in *mode*, its links leading out of the frame."""
    return add_to_head(force_mode(html, mode), '<base target="_blank">')
