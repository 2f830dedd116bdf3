"""Facts about source code that need no repository: names, languages, outlines. Read python_names."""
