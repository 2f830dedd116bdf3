"""Exchange values and calls between candidate and checker. Read codec, link, callee."""
