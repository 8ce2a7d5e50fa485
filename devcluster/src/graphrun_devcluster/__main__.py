"""``python -m graphrun_devcluster``."""

import sys

from graphrun_devcluster.cli import main

if __name__ == "__main__":
    sys.exit(main())
