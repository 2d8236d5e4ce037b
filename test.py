"""Evaluate a recogniser: python test.py --help"""

import sys

from dtrb.cli import main

sys.exit(main(["test", *sys.argv[1:]]))
