"""Find the weights that `easyocr:NAME` means, and fetch them the way EasyOCR does."""

import hashlib
import os
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from dtrb import easyocr_catalog
from dtrb.atomic import replacing
from dtrb.easyocr_catalog import PublishedNetwork
from dtrb.errors import CheckpointError

PREFIX = "easyocr:"


def locate(saved_model: str) -> Path:
    """Give the file that --saved_model names; an EasyOCR network is checked, or downloaded."""
    if not saved_model.startswith(PREFIX):
        return Path(os.path.expanduser(saved_model))  # noqa: PTH111 (Path's own fails on ~nobody)
    network = easyocr_catalog.recogniser(saved_model.removeprefix(PREFIX))
    path = easyocr_catalog.model_folder() / network.filename
    if not os.path.exists(path):  # noqa: PTH110 (a folder that may not be entered is no error yet)
        print(f"{saved_model} is not in {path.parent}: downloading {network.url}", file=sys.stderr)
        download(network, path)
    try:
        found = md5(path)
    except OSError as error:
        raise CheckpointError(saved_model, f"{path} cannot be read: {error.strerror}") from None
    if found != network.md5:
        raise CheckpointError(
            saved_model,
            f"{path} is not the file that EasyOCR published: its md5 is {found}, expected {network.md5}; "
            "remove the file and start again to download it, or pass the file itself as --saved_model",
        )
    return path


def download(network: PublishedNetwork, path: Path, fetch: Callable[[str], IO[bytes]] | None = None) -> None:
    """Fetch the published zip and put the one file that it holds in its place, if its md5 is right."""
    fetch = fetch or (lambda url: urllib.request.urlopen(url, timeout=30))
    by_hand = (
        f"if you have {network.filename}, pass it: --saved_model /path/to/{network.filename}; or download "
        f"{network.url} elsewhere, unpack it, and put {network.filename} into {path.parent}"
    )
    if not network.url.startswith("https://"):
        raise CheckpointError(f"easyocr:{network.name}", f"{network.url} is not a safe address; {by_hand}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            archive = aside.with_suffix(".zip")
            try:
                with fetch(network.url) as answer, archive.open("wb") as file:
                    while chunk := answer.read(1 << 20):
                        file.write(chunk)
                with zipfile.ZipFile(archive) as packed:
                    aside.write_bytes(packed.read(network.filename))
            finally:
                archive.unlink(missing_ok=True)
            if md5(aside) != network.md5:
                raise CheckpointError(
                    f"easyocr:{network.name}", f"what was downloaded is not the published file; {by_hand}"
                )
    except CheckpointError:
        raise
    except Exception as error:  # a network and an archive from elsewhere can fail in any way
        reason = getattr(error, "reason", error)
        raise CheckpointError(
            f"easyocr:{network.name}", f"could not be downloaded ({reason}); {by_hand}"
        ) from None


def md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
