"""Installing what the tests of a folder need, once, into a cache: in a sandbox, from named indexes.

The user's folder is never written to. What comes of it is shown to later runs read-only.
"""
