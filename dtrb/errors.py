"""The errors that a user can cause and a user can mend.

Each holds every problem that was found, not only the first, and each problem says what was found,
what was expected and what mends it. The command line prints them and exits with 2; nobody else
catches them.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class DtrbError(Exception):
    """A subject and everything that is wrong with it."""

    def __init__(self, subject: str, problems: str | Iterable[str], hint: str = "") -> None:
        self.subject = subject
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        self.hint = hint
        super().__init__(subject, self.problems, hint)

    def __str__(self) -> str:
        hint = f"\n{self.hint}" if self.hint else ""
        if len(self.problems) == 1:
            return f"{self.subject}: {self.problems[0]}{hint}"
        listed = "".join(f"\n  - {problem}" for problem in self.problems)
        return f"{self.subject}: {len(self.problems)} problems{listed}{hint}"


class ConfigError(DtrbError):
    """Flags, profiles, or what they say together."""


class CharsetError(DtrbError):
    """A set of characters that cannot be one."""


class DataError(DtrbError):
    """A data set that is missing, empty or damaged."""


class CheckpointError(DtrbError):
    """A file of weights that is not what it should be."""


def printable(text: object) -> str:
    """Show what came from a file without letting it write to the terminal as it likes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def counted(names: Sequence[str], most: int = 3) -> str:
    """Show a long list by its length and its beginning."""
    return f"{len(names):,} ({', '.join(map(printable, names[:most]))}{', …' if len(names) > most else ''})"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give the end of a sentence that offers the nearest known name, or nothing when none is near."""
    by_small_letters = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), by_small_letters, n=1, cutoff=0.7)
    return f"; did you mean {by_small_letters[near[0]]}?" if near else ""
