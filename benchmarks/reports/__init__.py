"""Show reports on a terminal, as HTML, Markdown or JUnit XML, with escaped texts. Read read_report, page."""
