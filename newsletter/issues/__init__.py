"""Issues: a Markdown file with front matter becomes an Issue, and its body a Document."""

from newsletter.issues.addresses import SCHEMES, forgotten_scheme, scheme_of
from newsletter.issues.attributes import UNTRACKED
from newsletter.issues.contents import Entry, outline
from newsletter.issues.digest import Digest, DigestSection, DigestStory, Passage, to_markdown
from newsletter.issues.digest_text import read_digest_text
from newsletter.issues.document import parse_document
from newsletter.issues.drafts import Draft, is_markdown, read_draft
from newsletter.issues.emphasis import is_wide
from newsletter.issues.images import iter_images
from newsletter.issues.kinds import (
    Block,
    Branch,
    Button,
    Callout,
    Card,
    Cards,
    Code,
    Conditional,
    Contents,
    Divider,
    Embed,
    Footnote,
    Footnotes,
    Heading,
    Html,
    Inline,
    Listing,
    Paragraph,
    Picture,
    Quote,
    Table,
)
from newsletter.issues.loader import load_issue, parse_issue
from newsletter.issues.merge_tags import ROOTS, fields, roots
from newsletter.issues.model import Author, Document, Issue, MergeTag, Section, Source, Story
from newsletter.issues.observations import Observation, observations
from newsletter.issues.scaffold import create_issue, create_publication
from newsletter.issues.slugs import slugify
from newsletter.issues.walk import iter_blocks, iter_inlines, text_of

__all__ = [
    "ROOTS",
    "SCHEMES",
    "UNTRACKED",
    "Author",
    "Block",
    "Branch",
    "Button",
    "Callout",
    "Card",
    "Cards",
    "Code",
    "Conditional",
    "Contents",
    "Digest",
    "DigestSection",
    "DigestStory",
    "Divider",
    "Document",
    "Draft",
    "Embed",
    "Entry",
    "Footnote",
    "Footnotes",
    "Heading",
    "Html",
    "Inline",
    "Issue",
    "Listing",
    "MergeTag",
    "Observation",
    "Paragraph",
    "Passage",
    "Picture",
    "Quote",
    "Section",
    "Source",
    "Story",
    "Table",
    "create_issue",
    "create_publication",
    "fields",
    "forgotten_scheme",
    "is_markdown",
    "is_wide",
    "iter_blocks",
    "iter_images",
    "iter_inlines",
    "load_issue",
    "observations",
    "outline",
    "parse_document",
    "parse_issue",
    "read_digest_text",
    "read_draft",
    "roots",
    "scheme_of",
    "slugify",
    "text_of",
    "to_markdown",
]
