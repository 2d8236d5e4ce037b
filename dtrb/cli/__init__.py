"""The command line: `python -m dtrb COMMAND`, and the doors train.py, test.py and run.py.

This is the one place where a user's error becomes a message and an exit code.
"""

import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence

import dtrb
from dtrb.errors import ConfigError, DtrbError, did_you_mean

COMMANDS = {
    "train": "train or fine-tune a recogniser (train.py)",
    "test": "evaluate a recogniser on labelled data (test.py)",
    "run": "read pictures of text (run.py)",
    "inspect": "say what a file of weights is",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command: 0 done, 1 the work failed, 2 the user is asked to mend something."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console that lacks a character shows its code instead
            stream.reconfigure(errors="backslashreplace")
    try:
        code = dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
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
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print("the output could not be written: no space left", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def dispatch(words: list[str]) -> int:
    """Find the command that the first word names, and give it the others."""
    if not words or words[0] in ("-h", "--help"):
        print("usage: python -m dtrb COMMAND [--help]\n")
        print("\n".join(f"  {name:10}{about}" for name, about in COMMANDS.items()))
        return 0
    name, *rest = words
    if name == "--version":
        print(f"dtrb {dtrb.__version__}")
        return 0
    if name not in COMMANDS:
        raise ConfigError(
            "dtrb", f"there is no command {name}{did_you_mean(name, COMMANDS)}; type: python -m dtrb"
        )
    command = importlib.import_module(f"dtrb.cli.{name}")
    try:
        return int(command.main(["--help"] if rest == ["-h"] else rest))
    except SystemExit as end:  # argparse has printed its help, or what it did not understand
        return int(end.code or 0)
