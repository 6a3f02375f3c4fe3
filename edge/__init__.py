"""gatereader on the device: frames in, one honest row a pass out."""

__version__ = "0.1.0"
