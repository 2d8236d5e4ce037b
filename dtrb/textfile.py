"""Read a small text file that a user named, or say in a few words why not."""

from pathlib import Path

LARGEST = 16 << 20  # bytes; a profile, a list of characters or an opt.txt is far smaller


class UnreadableError(Exception):
    """The reason, as the end of a sentence about the file."""


def read_text(path: Path) -> str:
    """Read UTF-8, with or without a byte order mark."""
    try:
        if not path.exists():
            raise UnreadableError("there is no such file")
        if not path.is_file():
            raise UnreadableError("is not a file")
        if path.stat().st_size > LARGEST:
            raise UnreadableError(f"is larger than {LARGEST >> 20} MB, so it is not what it should be")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UnreadableError(f"is not UTF-8 text (line {line}); save it as UTF-8") from None
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from None
    except (ValueError, RuntimeError) as error:  # a NUL in the name; a link that leads to itself
        raise UnreadableError(f"cannot be read ({error})") from None
