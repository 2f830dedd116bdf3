"""Values and calls between a candidate and its checker. Read codec, then link and callee."""
