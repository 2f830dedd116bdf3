"""Values and calls between a candidate and its checker, by agreed kinds. Read codec, link, callee."""
