"""What the installed EasyOCR publishes, read without importing it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dtrb import easyocr_catalog


def test_it_is_easyocrs_own_table():
    from easyocr.config import detection_models, recognition_models

    published = {**recognition_models["gen1"], **recognition_models["gen2"]}
    ours = easyocr_catalog.recognisers()
    assert set(ours) == set(published)
    for name, facts in published.items():
        network = ours[name]
        assert (network.filename, network.url, network.md5) == (
            facts["filename"],
            facts["url"],
            facts["md5sum"],
        )
        assert network.characters == facts["characters"]
        assert network.generation == (1 if name in recognition_models["gen1"] else 2)
    assert {name: one.md5 for name, one in easyocr_catalog.detectors().items()} == {
        name: facts["md5sum"] for name, facts in detection_models.items()
    }


def test_it_leaves_the_environment_alone():
    """EasyOCR's config.py sets LRU_CACHE_CAPACITY=1, which makes convolutions slow."""
    easyocr_catalog._easyocr_config.cache_clear()
    before = dict(os.environ)
    assert easyocr_catalog._easyocr_config()["recognition_models"]
    assert dict(os.environ) == before


def test_it_leaves_a_capacity_that_somebody_set(monkeypatch):
    monkeypatch.setenv("LRU_CACHE_CAPACITY", "77")
    easyocr_catalog._easyocr_config.cache_clear()
    easyocr_catalog._easyocr_config()
    assert os.environ["LRU_CACHE_CAPACITY"] == "77"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"MODULE_PATH": "/a"},
        {"EASYOCR_MODULE_PATH": "/b", "MODULE_PATH": "/a"},
        {"EASYOCR_MODULE_PATH": ""},
    ],
    ids=lambda variables: "+".join(variables) or "none",
)
def test_the_model_folder_is_easyocrs(variables, monkeypatch):
    for name in ("EASYOCR_MODULE_PATH", "MODULE_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    easyocr_catalog._easyocr_config.cache_clear()
    theirs = Path(easyocr_catalog._easyocr_config()["MODULE_PATH"]) / "model"
    easyocr_catalog._easyocr_config.cache_clear()
    assert easyocr_catalog.model_folder() == theirs


def test_without_easyocr_it_says_what_to_type():
    code = "import sys; sys.modules['easyocr'] = None; import importlib.util as u; u.find_spec = lambda name: None; "
    code += "from dtrb.cli import main; sys.exit(main(['train', '--character', 'easyocr:korean_g2']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install easyocr" in done.stderr
