import os

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # some machines set it: then each start compiles our modules
