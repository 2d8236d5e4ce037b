"""Tell what a file is that torch cannot, or must not, load."""

import pickletools
import re
import zipfile
from pathlib import Path
from typing import IO

from dtrb import easyocr_catalog
from dtrb.errors import did_you_mean

# How files begin that people take for weights.
BEGINNINGS = {
    b"version https://git-lfs": "a Git LFS pointer; fetch the file that it points to with: git lfs pull",
    b"\x89HDF": "an HDF5 file (Keras)",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
}
WEB_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")
# What a checkpoint's pickle may ask for: rebuilding tensors and ordered dictionaries.
HARMLESS = re.compile(r"collections\.OrderedDict|torch\.(_utils\._rebuild_\w+|\w*Storage|Size|[a-z]+\d+)")


def refuse(path: Path) -> str | None:
    """Say why a file is no PyTorch checkpoint, as far as its name and its bytes show it."""
    if not path.exists():
        if path.stem.lower().removeprefix("easyocr:") in easyocr_catalog.recognisers():
            return f"no such file; did you mean easyocr:{path.stem.lower().removeprefix('easyocr:')}?"
        return f"no such file{did_you_mean(path.name, [one.name for one in path.parent.glob('*.pth')])}"
    if (path / "data.mdb").exists():
        return "a data set (LMDB), not weights; pass it as --train_data"
    if path.is_dir():
        found = sorted(one.name for one in path.glob("*.pth"))
        return f"a folder; pass a file in it{': ' + ', '.join(found) if found else ''}"
    if not path.is_file():
        return "a device or a pipe, not a file"
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        return f"not readable: {error.strerror}"
    if not head:
        return "an empty file (0 bytes): the copy or the download failed; fetch it again"
    for beginning, name in BEGINNINGS.items():
        if head.startswith(beginning):
            return f"not a PyTorch checkpoint: {name}"
    if head.lstrip().lower().startswith(WEB_PAGES):
        return (
            "not a PyTorch checkpoint: an HTML page. The address led to a web page (a sign-in, a "
            "confirmation, an error) instead of the file; download the file itself"
        )
    if head.startswith(b"PK\x03\x04"):
        return _refuse_zip(path)
    if path.suffix in (".txt", ".yaml", ".yml", ".json"):
        return "not a PyTorch checkpoint: a text file; pass the .pth that it belongs to"
    if head[8:9] == b"{" and head[:8].endswith(b"\0\0\0"):
        return "not a PyTorch checkpoint: a safetensors file"
    return None


def explain(path: Path, error: Exception) -> str:
    """Say why torch refused a file that looked like a checkpoint."""
    wanted = wanted_globals(path)
    if wanted:
        return (
            f"refused: loading it would call {', '.join(wanted)}. A checkpoint needs tensors and plain "
            "values only; anything else can run code on this machine. If you made the file yourself, save "
            "its tensors alone: torch.save(model.state_dict(), FILE)"
        )
    reason = str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
    if _is_pickle(path) or zipfile.is_zipfile(path):
        return f"damaged or truncated ({reason}); fetch it again"
    return "not a PyTorch checkpoint: neither a zip archive nor a pickle"


def wanted_globals(path: Path) -> list[str]:
    """List the functions and classes that a file's pickles ask for, without running them."""
    names: dict[str, None] = {}
    strings: list[str] = []  # what STACK_GLOBAL takes its module and name from
    try:
        with _open_pickles(path) as file:
            while True:  # a legacy checkpoint is several pickles, one after the other
                for opcode, argument, _ in pickletools.genops(file):
                    if opcode.name == "GLOBAL":
                        names[str(argument).replace(" ", ".")] = None
                    elif opcode.name == "STACK_GLOBAL" and len(strings) > 1:
                        names[".".join(strings[-2:])] = None
                    elif isinstance(argument, str):
                        strings.append(argument)
    except Exception:  # the end, or the place where it is damaged; what was seen until then counts
        pass
    return [name for name in names if not HARMLESS.fullmatch(name)]


def _open_pickles(path: Path) -> IO[bytes]:
    if not zipfile.is_zipfile(path):
        return path.open("rb")
    archive = zipfile.ZipFile(path)
    return archive.open(next(name for name in archive.namelist() if name.endswith("data.pkl")))


def _refuse_zip(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        arrived = path.stat().st_size
        return f"a truncated archive: {arrived:,} bytes arrived and the end is missing; fetch it again"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            _verify(archive)
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, EOFError, OSError) as error:
        return f"a damaged archive ({error}); fetch it again"
    if any(name.endswith("/constants.pkl") for name in names):
        return "a TorchScript archive, code and weights in one; a state dict is needed"
    if not any(name.endswith("data.pkl") for name in names):
        inside = [name for name in names if name.endswith((".pth", ".pt"))]
        return f"a zip archive that holds {', '.join((inside or names)[:3])}; unpack it first"
    return None


def _verify(archive: zipfile.ZipFile) -> None:
    """Compare every record with its checksum, which torch does not (0: torch was told to make none)."""
    for record in archive.infolist():
        if record.CRC:
            with archive.open(record) as content:
                while content.read(1 << 20):
                    pass


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"\x80"
