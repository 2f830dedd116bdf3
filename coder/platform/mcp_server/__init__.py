"""`coder mcp`: programs and runs as tools of the Model Context Protocol, by the official SDK.

Only `coder.platform` imports it, since the SDK takes a second to load. Read tools, client.
"""
