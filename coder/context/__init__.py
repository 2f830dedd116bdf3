"""Select what a prompt shows of a repository: named places, the best places, and a map of the rest.

The repository's code is never imported or run: confined processes parse it, and prompts quote it.
Read survey, best_places, definition_facts.
"""
