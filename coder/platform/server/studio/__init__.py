"""The studio: pages of the server for a person with a browser. Read pages, run_view, rendering."""
