"""The commands of a chat, whose names no file of a repository can take."""

COMMANDS = {
    "add": ("PATH…", "show files to the model, from the next message on"),
    "test": ("[CMD]", "run the tests now; with CMD, that decides from here on"),
    "show": ("[N]", "what call N has printed; without N, the latest (Ctrl-O)"),
    "diff": ("", "what this conversation has changed"),
    "undo": ("", "revert what the latest message has changed"),
    "commit": ("[WORDS]", "commit what was written, by your own git; the model words the message"),
    "pr": ("[WORDS]", "push the branch, and open a pull request by your own gh or glab"),
    "apply": ("", "ask again about the latest change that was not written"),
    "plan": (
        "[TASK]",
        "plan mode: you approve a plan before each change; with TASK, plan that one",
    ),
    "go": ("", "continue what was interrupted"),
    "auto": ("[always]", "write what passes without asking, or ask again; always: in this project"),
    "permissions": ("[forget]", "what you allow in this project"),
    "skills": ("", "skills, subagents, commands, hooks, rules and servers, and what was refused"),
    "jobs": ("[stop PID]", "what runs in the session's background, and subagents; or end a program"),
    "context": ("", "tokens that the dialogue uses, by part, and the model's limit"),
    "compact": ("", "shorten the dialogue with the model"),
    "clear": ("", "begin a new dialogue; the log keeps the earlier messages"),
    "cost": ("", "calls, tokens and dollars so far"),
    "model": ("[NAME]", "the model; NAME replaces it from the next message on"),
    "effort": ("[LEVEL]", "how much the model reasons: low, medium or high"),
    "help": ("", "this list"),
    "quit": ("", "end; coder chat --resume RUN continues"),
}
"""Arguments and descriptions by name, in the order of `/help`."""
OTHER_NAMES = {
    **{"exit": "quit", "rewind": "undo", "bashes": "jobs", "tasks": "jobs", "usage": "cost"},
    **dict.fromkeys(("agents", "hooks", "mcp", "plugin", "plugins", "commands"), "skills"),
}
"""Names that other agents have for a command, unless the user's own files have a command of that name."""


def is_taken(name: str, *, is_own: bool) -> bool:
    """Whether a command or skill can't be called by a name, because a command of a chat has it in any case.

    Args:
        is_own: whether its file is the user's own, which may take the names in OTHER_NAMES.
    """
    word = name.lower()
    return word in COMMANDS or (not is_own and word in OTHER_NAMES)
