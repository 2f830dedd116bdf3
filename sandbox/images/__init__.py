"""Make the image that the Docker backend runs its programs in."""

from sandbox.images.base import Base, find_base
from sandbox.images.build import DEFAULT_BASE, IMAGE, REQUIREMENTS, build_image

__all__ = ["DEFAULT_BASE", "IMAGE", "REQUIREMENTS", "Base", "build_image", "find_base"]
