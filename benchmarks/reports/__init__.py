"""Reports for a terminal, a page, CI. Read page."""
