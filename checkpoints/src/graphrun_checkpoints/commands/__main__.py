"""`python -m graphrun_checkpoints.commands`, the same as `graphrun-checkpoints`."""

import sys

from graphrun_checkpoints.commands import main

if __name__ == "__main__":
    sys.exit(main())
