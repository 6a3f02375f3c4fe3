"""`python -m edge` is `gatereader`."""

import sys

from edge.cli import main

sys.exit(main())
