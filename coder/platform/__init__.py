"""Interfaces for other programs: HTTP, the studio, the Model Context Protocol. Read server."""
