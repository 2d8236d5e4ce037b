"""Tell what a file is that torch cannot, or must not, load."""

import pickletools
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dtrb import easyocr_catalog
from dtrb.errors import counted, did_you_mean, printable

# How files begin that people take for weights.
BEGINNINGS = {
    b"<": "an HTML page, or XML. The address led to a web page (a sign-in, a confirmation, an error) instead "
    "of the file; download the file itself",
    b"version https://": "a Git LFS pointer; fetch the file that it points to with: git lfs pull",
    b"\x89HDF": "an HDF5 file (Keras)",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
}
TEXT_FILES = (".txt", ".yaml", ".yml", ".json", ".csv", ".md", ".py")
# What a checkpoint's pickle may ask for: rebuilding tensors and ordered dictionaries.
HARMLESS = re.compile(r"collections\.OrderedDict|torch\.(_utils\._rebuild_\w+|\w*Storage|Size|[a-z]+\d+)")


def refuse(path: Path) -> str | None:
    """Say why a file is no PyTorch checkpoint, as far as its name and its bytes show it."""
    try:
        return _refuse_by_name(path) or _refuse_by_bytes(path)
    except OSError as error:
        return f"not readable: {error.strerror}"
    except (ValueError, RuntimeError) as error:  # a NUL in the name; a link that leads to itself
        return f"not readable: {error}"


def _refuse_by_name(path: Path) -> str | None:
    if not path.exists():
        network = path.stem.lower().removeprefix("easyocr:")
        if network in easyocr_catalog.recognisers():
            return f"no such file; did you mean easyocr:{network}?"
        return f"no such file{did_you_mean(path.name, [one.name for one in path.parent.glob('*.pth')])}"
    if path.name == "data.mdb" or (path / "data.mdb").exists():
        return "a data set (LMDB), not weights; pass its folder as --train_data"
    if path.is_dir():
        found = sorted(one.name for one in path.glob("*.pth"))
        return f"a folder; pass a file in it{': ' + ', '.join(map(printable, found)) if found else ''}"
    if not path.is_file():
        return "a device or a pipe, not a file"
    return None


def _refuse_by_bytes(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "an empty file (0 bytes): the copy or the download failed; fetch it again"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for beginning, name in BEGINNINGS.items():
        if start.startswith(beginning):
            return f"not a PyTorch checkpoint: {name}"
    if path.suffix in TEXT_FILES:
        return "not a PyTorch checkpoint: a text file; pass the .pth that it belongs to"
    if head.startswith(b"PK\x03\x04"):
        return _refuse_zip(path)
    if head[8:9] == b"{" and head[:8].endswith(b"\0\0\0"):
        return "not a PyTorch checkpoint: a safetensors file"
    return None


def _refuse_zip(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        arrived = path.stat().st_size
        return f"a truncated archive: {arrived:,} bytes arrived and the end is missing; fetch it again"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            _verify(archive)
    except Exception as error:  # a damaged or encrypted archive makes zipfile raise anything
        return f"a damaged archive ({printable(error)}); fetch it again"
    if any(name.endswith("/constants.pkl") for name in names):
        return "a TorchScript archive, code and weights in one; a state dict is needed"
    if not any(name.endswith("data.pkl") for name in names):
        inside = [name for name in names if name.endswith((".pth", ".pt"))]
        return f"a zip archive, but no checkpoint; in it: {counted(inside or names)}; unpack it first"
    return None


def _verify(archive: zipfile.ZipFile) -> None:
    """Compare every record with its checksum, which torch does not (0: torch was told to make none)."""
    for record in archive.infolist():
        if record.CRC:
            with archive.open(record) as content:
                while content.read(1 << 20):
                    pass


def explain(path: Path, error: Exception) -> str:
    """Say why torch refused a file that looked like a checkpoint."""
    wanted = wanted_globals(path)
    if wanted:
        return (
            f"refused: loading it would call {', '.join(map(printable, wanted[:5]))}. A checkpoint needs "
            "tensors and plain values only; anything else can run code on this machine. If you made the "
            "file yourself, save its tensors alone: torch.save(model.state_dict(), FILE)"
        )
    if _pickle_protocol(path) > 3:
        return "written with a pickle protocol that torch does not load safely; save it again with torch.save"
    reason = str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
    if _pickle_protocol(path) or zipfile.is_zipfile(path):
        return f"damaged or truncated ({printable(reason)}); fetch it again"
    return "not a PyTorch checkpoint: neither a zip archive nor a pickle"


def wanted_globals(path: Path) -> list[str]:
    """List the functions and classes that a file's pickles ask for, without running them."""
    names: dict[str, None] = {}
    strings: list[str] = []  # pushed so far: STACK_GLOBAL takes the last two as module and name
    memo: dict[Any, str | None] = {}
    top: str | None = None  # the string on top of the stack, None for anything else
    try:
        with _open_pickle(path) as file:
            while True:  # a legacy checkpoint is several pickles, one after the other
                for opcode, argument, _ in pickletools.genops(file):
                    if opcode.name in ("GLOBAL", "INST"):
                        names[str(argument).replace(" ", ".")] = None
                    elif opcode.name == "STACK_GLOBAL":
                        names[".".join(strings[-2:])] = None
                    if opcode.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
                        memo[len(memo) if argument is None else argument] = top
                        continue
                    top = argument if "UNICODE" in opcode.name or "STRING" in opcode.name else None
                    if opcode.name in ("GET", "BINGET", "LONG_BINGET"):
                        top = memo.get(argument)
                    if top is not None:
                        strings.append(top)
    except Exception:  # the end, or the place where it is damaged; what was seen until then counts
        pass
    return [name for name in names if not HARMLESS.fullmatch(name)]


@contextmanager
def _open_pickle(path: Path) -> Iterator[IO[bytes]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            record = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(record) as file:
                yield file
    else:
        with path.open("rb") as file:
            yield file


def _pickle_protocol(path: Path) -> int:
    """Read which protocol a file's pickle is written in; 0 when it is no pickle."""
    try:
        with _open_pickle(path) as file:
            start = file.read(2)
    except Exception:  # a damaged archive
        return 0
    return start[1] if start[:1] == b"\x80" and len(start) == 2 else 0
