"""Newsletter-press: from an editor's Markdown to one recorded mail per subscriber."""
