"""Text for people: redacted, sanitized, counted. Read redact."""
