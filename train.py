"""Train or fine-tune a recogniser: python train.py --help"""

import sys

from dtrb.cli import main

sys.exit(main(["train", *sys.argv[1:]]))
