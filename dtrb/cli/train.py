"""Train or fine-tune. As yet: everything up to the first step, which is where --dry_run ends."""

import sys
from collections.abc import Sequence

from dtrb.cli.opening import open_network


def main(argv: Sequence[str]) -> int:
    agreement, _ = open_network("train", argv)
    run, checkpoint = agreement.run, agreement.checkpoint
    if checkpoint and not run.train.FT:
        print(
            f"goes on counting from iteration {checkpoint.iteration:,} with a fresh optimizer; "
            "to go on exactly where a run stopped, pass --resume"
        )
    if run.train.dry_run:
        return 0
    print("train.py: the training loop is not in this version; it can only --dry_run", file=sys.stderr)
    return 1
