"""Newsletter-press: from an editor's Markdown to one recorded mail per subscriber."""

from importlib.metadata import version

__version__ = version("newsletter-press")
