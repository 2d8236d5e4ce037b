"""Data sets in clova's LMDB layout: `num-samples`, `image-%09d`, `label-%09d`, counted from 1."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import lmdb

from dtrb.charset import normalised
from dtrb.errors import DataError


def find(roots: Sequence[str], select: Sequence[str] = ("/",)) -> list[Path]:
    """Give the LMDBs below the roots that stand in one of the selected folders, in order of name."""
    found: list[Path] = []
    for root in map(Path, roots):
        if root.name == "data.mdb":
            raise DataError(str(root), f"a data set is a folder; pass {root.parent}")
        if not root.is_dir():
            raise DataError(
                str(root), "there is no such folder; a data set is a folder with a data.mdb in it"
            )
        below = sorted(file.parent for file in root.rglob("data.mdb"))
        if not below:
            raise DataError(str(root), "holds no LMDB: there is no data.mdb in it or in any folder below it")
        found += [
            path for path in below if _is_selected(root.resolve().name / path.relative_to(root), select)
        ]
    if not found:
        raise DataError(
            f"--select_data {'-'.join(select)}",
            f"matches no folder; below {', '.join(roots)} are: "
            + ", ".join(sorted(str(file.parent) for root in roots for file in Path(root).rglob("data.mdb"))),
        )
    return found


def _is_selected(path: Path, select: Sequence[str]) -> bool:
    """Compare whole folder names: TEST does not select ST, and a/b selects b in a."""
    return "/" in select or any(f"/{name.strip('/')}/" in f"/{path.as_posix()}/" for name in select)


def labels(path: Path) -> Iterator[str]:
    """Read every label of one LMDB, composed (NFC)."""
    try:
        with lmdb.open(str(path), readonly=True, lock=False, readahead=False) as env, env.begin() as txn:
            pages = env.info()["last_pgno"] + 1
            if pages * env.stat()["psize"] > (path / "data.mdb").stat().st_size:
                # Touching a page that is not there would kill this process.
                raise DataError(str(path), "is truncated: the end of data.mdb is missing; copy it again")
            count = txn.get(b"num-samples")
            if count is None or not count.isdigit():
                raise DataError(str(path), "has no num-samples: its building was interrupted; build it again")
            for index in range(1, int(count) + 1):
                label = txn.get(b"label-%09d" % index)
                if label is None:
                    raise DataError(
                        str(path), f"has no label-{index:09d}, though num-samples is {int(count)}"
                    )
                try:
                    yield normalised(label.decode())
                except UnicodeDecodeError:
                    raise DataError(str(path), f"label-{index:09d} is not UTF-8: {label[:40]!r}") from None
    except lmdb.Error as error:
        raise DataError(str(path), f"is not a readable LMDB: {error}") from None


def characters(roots: Sequence[str], select: Sequence[str] = ("/",)) -> set[str]:
    """Collect the characters of all labels."""
    return {character for path in find(roots, select) for label in labels(path) for character in label}
