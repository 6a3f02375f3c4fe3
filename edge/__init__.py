"""gatereader on the device: frames in, one honest row a pass out."""

import os

__version__ = "0.1.0"

MOST_PIXELS = "OPENCV_IO_MAX_IMAGE_PIXELS"
os.environ.setdefault(MOST_PIXELS, str(2**27))
"""A file of 100 kB may hold a thousand megapixels and take all memory, and a phone's has some 100. OpenCV reads this as
it is imported: here is the one place that surely comes before."""
