"""The command line: `python -m dtrb COMMAND`, and the doors train.py, test.py and run.py.

This is the one place where a user's error becomes a message and an exit code.
"""

import importlib
import os
import sys
from collections.abc import Sequence

import dtrb
from dtrb.errors import DtrbError

COMMANDS = {
    "train": "train or fine-tune a recogniser (train.py)",
    "test": "evaluate a recogniser on labelled data (test.py)",
    "run": "read pictures of text (run.py)",
    "inspect": "say what a file of weights is",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command: 0 done, 1 the work failed, 2 the user is asked to mend something."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print("usage: python -m dtrb COMMAND [--help]\n")
        print("\n".join(f"  {name:10}{about}" for name, about in COMMANDS.items()))
        return 0
    if words[0] == "--version":
        print(f"dtrb {dtrb.__version__}")
        return 0
    if words[0] not in COMMANDS:
        print(f"dtrb: there is no command {words[0]}; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        command = importlib.import_module(f"dtrb.cli.{words[0]}")
        return int(command.main(words[1:]))
    except DtrbError as error:
        print(error, file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if str(error.name).startswith("dtrb"):
            raise
        print(
            f"{error.name} is not installed for {sys.executable}; type: source .venv/bin/activate "
            "(./demo.sh makes that environment), or: pip install .",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:  # whoever read the output has seen enough, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
