"""Bounded quotes of long texts. Pure."""


def shortened(text: str, max_characters: int) -> str:
    """Return the text; of a longer one, return the first and the last half of `max_characters` characters."""
    if len(text) <= max_characters:
        return text
    half = max_characters // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"
