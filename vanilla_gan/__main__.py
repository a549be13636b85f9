"""Runs the command line as `python -m vanilla_gan`."""

import sys

from vanilla_gan.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
