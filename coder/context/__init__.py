"""What a model is shown of a repository: named places, the best ones, and a map of the rest.

Nothing here imports or runs the repository's code: confined processes parse it, and it is quoted as data.
Read survey, best_places, definition_facts.
"""
