"""Text without secrets, and text made harmless for a terminal or a CI log. Read redact, sanitize."""
