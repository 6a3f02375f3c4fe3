"""Versions of installed packages."""

from importlib import metadata

import cv2

OPENCV = "opencv-python-headless"


def installed(package: str) -> str:
    """The package's version; empty if it is not there. OpenCV may be the system's own, which pip knows nothing of."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return f"{cv2.__version__}, the system's own" if package == OPENCV else ""
