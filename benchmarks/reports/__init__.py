"""A report on a terminal, as HTML, Markdown or JUnit XML, with its texts escaped. Read read_report, page."""
