"""The host side of an agent behind one byte stream. Read link, execution, stream_sandbox."""
