"""Imports go downwards only, and what --help needs does not import torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dtrb"

# Each may import from those before it (and a folder from within itself).
ORDER = [
    "errors",
    "atomic",
    "textfile",
    "flat_yaml",
    "stages",
    "easyocr_catalog",
    "charset",
    "config",
    "settings",
    "models",
    "data",
    "checkpoints",
    "cli",
    "__main__",
]
TORCH_FREE = (
    "errors",
    "atomic",
    "textfile",
    "flat_yaml",
    "stages",
    "easyocr_catalog",
    "charset",
    "config",
    "settings",
)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module]
            if node.module == "dtrb":
                names = [f"dtrb.{alias.name}" for alias in node.names]
            yield from names
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_room_has_its_place():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(ORDER)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards(path):
    here = room_of(path)
    for name in imports_of(path):
        if name.startswith("dtrb.") and here != "__init__":
            there = name.split(".")[1]
            assert there == here or ORDER.index(there) < ORDER.index(here), f"{here} imports {there}"


@pytest.mark.parametrize("room", TORCH_FREE)
def test_torch_is_not_imported(room):
    code = f"import sys, dtrb.{room}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_network_needs_torch_alone():
    """What is exported to EasyOCR is assembled from these files."""
    for path in PACKAGE.glob("models/*.py"):
        foreign = {name.split(".")[0] for name in imports_of(path)} - {"torch", "typing", "collections"}
        assert foreign <= ({"dtrb"} if path.name == "recognizer.py" else set()), path
