"""The exit codes that commands choose themselves; errors bring their own (`newsletter.errors`)."""

#: An issue has findings that are errors.
FINDINGS = 4
#: A dispatch ended with rejected, failed or uncertain deliveries.
TROUBLED = 5
#: Ctrl-C, SIGTERM, or a question that was answered with no.
INTERRUPTED = 130
