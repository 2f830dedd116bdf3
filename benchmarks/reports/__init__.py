"""A report on a terminal, as HTML, Markdown or JUnit XML, with escaped texts. Start at read_report, page."""
