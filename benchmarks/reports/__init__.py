"""A report on a terminal, as HTML, Markdown or JUnit XML; its texts are inert. Read read_report, page."""
