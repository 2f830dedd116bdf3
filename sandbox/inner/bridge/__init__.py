"""Exchange values and calls between candidate and checker, by agreed kinds. Read codec, link, callee."""
