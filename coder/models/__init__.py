"""Models: endpoints, recordings and the embedded model. Read model, find_model, chat_completions.

`find_model.resolve` turns the user's name for a model into a ModelChoice; `roles.open_model` opens it.
"""
