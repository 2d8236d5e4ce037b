"""Read pictures of text: python run.py --help"""

import sys

from dtrb.cli import main

sys.exit(main(["run", *sys.argv[1:]]))
