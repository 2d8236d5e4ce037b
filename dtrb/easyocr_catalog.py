"""What the installed EasyOCR publishes about its networks: characters, file names, addresses, md5.

The table is read from EasyOCR's own `config.py`, without importing the package: that would load
torch and OpenCV, and take seconds.
"""

import importlib.util
import os
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dtrb.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class PublishedNetwork:
    name: str
    filename: str  # in EasyOCR's model folder
    url: str  # of a zip that holds the file
    md5: str  # of the file
    generation: int = 0  # 1: ResNet 512/512; 2: VGG 256/256; 0: a detector
    characters: str = ""  # in class order, without the blank


@cache
def recognisers() -> Mapping[str, PublishedNetwork]:
    """Give the networks that read, by EasyOCR's name for them."""
    table = _easyocr_config()["recognition_models"]
    return {
        name: PublishedNetwork(
            name, facts["filename"], facts["url"], facts["md5sum"], int(generation[-1]), facts["characters"]
        )
        for generation, networks in table.items()
        for name, facts in networks.items()
    }


@cache
def detectors() -> Mapping[str, PublishedNetwork]:
    """Give the networks that find text and cannot read it."""
    table = _easyocr_config()["detection_models"]
    return {
        name: PublishedNetwork(name, facts["filename"], facts["url"], facts["md5sum"])
        for name, facts in table.items()
    }


def recogniser(name: str) -> PublishedNetwork:
    """Look up a network by name, for what the user writes as `easyocr:NAME`."""
    if name in recognisers():
        return recognisers()[name]
    if name in detectors():
        raise ConfigError(
            f"easyocr:{name}",
            "is a detector: it finds where text is and cannot read it; "
            f"the recognisers are {', '.join(recognisers())}",
        )
    raise ConfigError(
        f"easyocr:{name}",
        f"EasyOCR publishes no network of this name{did_you_mean(name, recognisers())} "
        f"(its recognisers are {', '.join(recognisers())})",
    )


def model_folder() -> Path:
    """Give the folder where EasyOCR keeps its weights, by EasyOCR's own rule."""
    module_path = os.environ.get("EASYOCR_MODULE_PATH") or os.environ.get("MODULE_PATH") or "~/.EasyOCR"
    return Path(os.path.expanduser(module_path)) / "model"  # noqa: PTH111 (Path's own fails on ~nobody)


@cache
def _easyocr_config() -> dict[str, Any]:
    spec = importlib.util.find_spec("easyocr")
    if spec is None or spec.origin is None:
        raise ConfigError("easyocr", "the package is not installed; type: pip install easyocr")
    # That file also sets LRU_CACHE_CAPACITY=1, which would slow every convolution on the CPU.
    capacity = os.environ.get("LRU_CACHE_CAPACITY")
    try:
        return runpy.run_path(str(Path(spec.origin).with_name("config.py")))
    finally:
        os.environ.pop("LRU_CACHE_CAPACITY", None)
        if capacity is not None:
            os.environ["LRU_CACHE_CAPACITY"] = capacity
