"""`coder serve`: the runs of the log over HTTP, for programs and for the studio's pages.

Only coder.platform.commands.serve imports it, since FastAPI takes a while to load.
Read http_app, access, run_routes, event_stream.
"""
