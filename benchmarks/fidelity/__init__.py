"""Our MJML against the reference implementation: what it finds wrong, what it makes, how that looks."""
