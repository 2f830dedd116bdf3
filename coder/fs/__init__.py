"""Files of the host, safely: no symlink followed, replaced whole, synced. Read safe_open."""
