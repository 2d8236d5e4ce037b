"""Read pictures. As yet: everything up to the pictures."""

import sys
from collections.abc import Sequence

from dtrb.cli.opening import open_network


def main(argv: Sequence[str]) -> int:
    open_network("run", argv)
    print("run.py: reading is not in this version; the weights were loaded", file=sys.stderr)
    return 1
