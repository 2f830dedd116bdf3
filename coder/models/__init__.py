"""Models: endpoints, recordings, the embedded model. Read model, find_model, chat_completions.

`find_model.resolve` turns what the user named into a Choice, `roles.open_model` opens it.
"""
