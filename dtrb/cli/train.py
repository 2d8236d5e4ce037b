"""Train or fine-tune. As yet: everything up to the first step, which is where --dry_run ends."""

import sys
from collections.abc import Sequence

from dtrb.cli.opening import open_network


def main(argv: Sequence[str]) -> int:
    agreement, _ = open_network("train", argv)
    run, checkpoint = agreement.run, agreement.checkpoint
    if checkpoint and not run.train.FT:
        exact = "; --resume goes on exactly where its run stopped" if checkpoint.metadata else ""
        print(f"start: iteration {checkpoint.iteration:,}, with a fresh optimizer{exact}")
    if run.train.dry_run:
        print("dry run: network and weights are in order; the data sets were not looked at")
        return 0
    print("train.py: the training loop is not in this version; try --dry_run", file=sys.stderr)
    return 1
