"""The characters that a network can write. Their order is the order of its classes.

`--character` takes the characters themselves, or names joined by `+`: a file (its name ends with
.txt), `easyocr:korean_g2`, `checkpoint`, `data`. None of these can be mistaken for a set of
characters, because each, even the bare ending `.txt`, has some character twice.
"""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dtrb import easyocr_catalog
from dtrb.errors import CharsetError
from dtrb.textfile import UnreadableError, read_text


@dataclass(frozen=True)
class Charset:
    """An ordered set of characters, none twice."""

    characters: str

    def __post_init__(self) -> None:
        problems = _problems(self.characters)
        if problems:
            raise CharsetError(f"the characters {abridged(self.characters)}", problems)

    def __len__(self) -> int:
        return len(self.characters)

    def __iter__(self) -> Iterator[str]:
        return iter(self.characters)

    def __contains__(self, character: object) -> bool:
        return character in self.position

    def __str__(self) -> str:
        return f"{len(self):,} characters {abridged(self.characters)}"

    @cached_property
    def position(self) -> dict[str, int]:
        return {character: index for index, character in enumerate(self.characters)}

    @cached_property
    def fingerprint(self) -> str:
        """Tell two sets apart, and two orders of one set."""
        return hashlib.sha256(self.characters.encode()).hexdigest()[:16]

    @property
    def lowers_labels(self) -> bool:
        """Say whether labels are to be lower-cased: the set holds no upper case, and does hold lower."""
        return not any(c.isupper() for c in self) and any(c.islower() for c in self)

    def joined_with(self, more: Iterable[str]) -> "Charset":
        """Keep every place and add what is new behind."""
        return Charset("".join(dict.fromkeys([*self.characters, *more])))

    def changed_to(self, other: "Charset") -> "CharsetChange":
        return CharsetChange(
            before=self,
            after=other,
            added="".join(c for c in other if c not in self),
            lost="".join(c for c in self if c not in other),
            moved="".join(c for c in self if c in other and self.position[c] != other.position[c]),
        )


@dataclass(frozen=True)
class CharsetChange:
    """What differs between two sets, and between their orders."""

    before: Charset
    after: Charset
    added: str
    lost: str
    moved: str

    def __bool__(self) -> bool:
        return bool(self.added or self.lost or self.moved)

    def __str__(self) -> str:
        if not self:
            return f"the same {len(self.before):,} characters in the same order"
        if not self.added and not self.lost:
            return f"the same {len(self.before):,} characters in another order ({len(self.moved):,} moved)"
        parts = [
            f"{len(characters):,} {word} ({abridged(characters)})"
            for word, characters in (("added", self.added), ("lost", self.lost), ("moved", self.moved))
            if characters
        ]
        return f"{len(self.before):,} characters become {len(self.after):,}: {', '.join(parts)}"


def abridged(characters: str, ends: int = 12) -> str:
    """Show a long set by its first and last characters, and its spaces as ␣."""
    shown = characters.replace(" ", "␣")
    return shown if len(shown) <= 2 * ends + 1 else f"{shown[:ends]}…{shown[-ends:]}"


def normalised(text: str) -> str:
    """Compose what macOS and some keyboards take apart (NFC): 한 as one character, not three."""
    return unicodedata.normalize("NFC", text)


def composed(characters: str) -> str:
    """Compose the characters of a set, but leave those that NFC itself takes apart (Bengali য়)."""
    nfc = normalised(characters)
    return nfc if len(nfc) <= len(characters) else characters


def read_file(path: Path, subject: str = "") -> Charset:
    """Read a set from a file: all in one line, or (PaddleOCR's dictionaries) one character a line."""
    subject = subject or str(path)
    try:
        lines = composed(read_text(path)).removesuffix("\n").split("\n")
    except UnreadableError as reason:
        raise CharsetError(subject, str(reason)) from None
    wrong = [number for number, line in enumerate(lines, 1) if len(line) != 1]
    if len(lines) > 1 and wrong:
        raise CharsetError(
            subject,
            f"has {len(lines):,} lines, so each must hold one character, but line {wrong[0]} "
            f"holds {len(lines[wrong[0] - 1])}; put one character in each line, or all in a single line",
        )
    return _named(subject, "".join(lines))


def split_names(spec: str) -> tuple[list[str], str]:
    """Take a spec apart into the names it joins by +, and what is left that is no name.

    A file's name may hold a + itself: what is no name yet is tried with what follows.
    """
    names: list[str] = []
    rest: list[str] = []
    for part in spec.split("+"):
        rest.append(part)
        name = "+".join(rest)
        if name in ("checkpoint", "data") or name.startswith("easyocr:") or name.endswith(".txt"):
            names.append(name)
            rest = []
    return names, "+".join(rest)


def anchored(spec: str, folder: Path) -> str:
    """Look for the files that a profile names beside the profile first."""
    names, rest = split_names(spec)
    if rest:
        return spec
    return "+".join(
        os.path.normpath(folder / name) if name.endswith(".txt") and _is_file(folder / name) else name
        for name in names
    )


def resolve(
    spec: str, source: str, checkpoint: Callable[[], Charset], data: Callable[[], Iterable[str]]
) -> Charset:
    """Turn what `--character` (or the profile line `source`) says into the characters it means.

    `checkpoint` gives the characters of the weights, `data` those of the training labels; each is
    called only when the name stands in `spec`.
    """
    names, rest = split_names(spec)
    if spec in easyocr_catalog.recognisers():
        raise CharsetError(f"{source} {spec}", f"did you mean easyocr:{spec}?")
    if not names:
        return _named(source, composed(spec))
    if rest:
        raise CharsetError(
            f"{source} {abridged(spec, 30)}",
            f"joins names, but {abridged(rest)!r} is not one: a name is easyocr:NETWORK, checkpoint, data or "
            "a file that ends with .txt; put further characters into such a file",
        )
    charset: Charset | None = None
    for name in names:
        if name == "checkpoint":
            found: Iterable[str] = checkpoint()
        elif name == "data":
            found = sorted(set(data()))
        elif name.startswith("easyocr:"):
            network = easyocr_catalog.recogniser(name.removeprefix("easyocr:"))
            found = _named(f"{source} {name}", network.characters)
        else:
            found = read_file(Path(name), f"{source} {name}")
        charset = Charset("".join(found)) if charset is None else charset.joined_with(found)
    assert charset is not None
    return charset


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _named(subject: str, characters: str) -> Charset:
    try:
        return Charset(characters)
    except CharsetError as error:
        raise CharsetError(subject, error.problems) from None


def _problems(characters: str) -> list[str]:
    if not characters:
        return ["there are none; at least one is needed"]
    problems = []
    twice = [character for character, count in Counter(characters).items() if count > 1]
    if twice:
        problems.append(
            f"repeated characters: {len(twice):,} ({abridged(''.join(twice))}); each class is one "
            "character, so remove the repetitions "
            "(if a file was meant, its name must end with .txt)"
        )
    unseen = [c for c in dict.fromkeys(characters) if unicodedata.category(c) in ("Cc", "Cs")]
    if unseen:
        codes = ", ".join(f"U+{ord(c):04X}" for c in unseen[:8])
        problems.append(f"{codes} cannot be in a label (control characters, halves of surrogate pairs)")
    return problems
