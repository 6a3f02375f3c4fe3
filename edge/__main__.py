"""The program: `gatereader`, and `python -m edge`."""

import logging
import os
import sys
import threading
from typing import NoReturn

from edge.cli import main


def program() -> NoReturn:
    """Run one command and end the process, also where a camera's driver never lets its thread go.

    FFmpeg aborts the process when it returns to a Python that is taking itself down; rows, pictures and output are
    written by then.
    """
    status = main()
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    program()
