"""The studio: pages of the server for a person with a browser. Read pages, shown, rendering."""
