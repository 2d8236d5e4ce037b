"""What the documentation says can be done, is done."""

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

ADD_IT = """
import sys
from dtrb import stages
name, path = sys.argv[1:3]
stages.FEATURE_EXTRACTORS[name] = path  # the one line
from dtrb.cli import main
from dtrb.checkpoints.files import save
from dtrb.config import ModelConfig
from dtrb.models.recognizer import Recognizer
from pathlib import Path

config = ModelConfig(Transformation="TPS", FeatureExtraction=name, SequenceModeling="BiLSTM", Prediction="Attn",
                     output_channel=32, hidden_size=16, character="가나다")
save(Path("mini.pth"), Recognizer(config))
assert stages.load(path).frames(100) == Recognizer(config).FeatureExtraction(__import__("torch").zeros(1, 1, 32, 100)).shape[3]
data = ["--train_data", "x", "--valid_data", "y", "--dry_run"]
assert main(["inspect", "mini.pth"]) == 0
assert main(["train", "--saved_model", "mini.pth", "--FT", "--character", "checkpoint+easyocr:english_g2", *data]) == 0
assert main(["train", "--saved_model", "mini.pth", "--FeatureExtraction", "VGG", *data]) == 2
"""


def test_adding_a_backbone_is_one_file_and_one_line(tmp_path):
    code, line = re.findall(r"```python\n(.*?)```", ARCHITECTURE, flags=re.DOTALL)
    name, path = re.fullmatch(r'"(\w+)": "([\w.:]+)",\n', line).groups()
    assert path == "dtrb.models.mini:Mini"
    (tmp_path / "mini.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ADD_IT, name, "mini:Mini"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "FeatureExtraction  Mini   (FeatureExtraction.ConvNet.2.weight is there)" in done.stdout
    assert "head: 5 rows kept, 96 new, 0 dropped" in done.stdout
    assert "--FeatureExtraction says VGG, mini.pth has Mini" in done.stderr


def test_the_architecture_page_names_every_file():
    for path in sorted((ROOT / "dtrb").rglob("*.py")):
        if path.name not in ("__init__.py", "__main__.py") and path.parent.name != "cli":
            assert path.name in ARCHITECTURE, path


def test_no_link_leads_nowhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page}: {target}"


def test_the_python_of_the_readme_runs():
    (code,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    names = {}
    exec(code, names)  # our own page
    assert list(names["logits"].shape) == [1, 79, 4]


@pytest.mark.slow
def test_the_commands_of_the_readme_run(run, published_weights, tmp_path, monkeypatch):
    """With english_g2 where the page says korean_g2, whose weights the index does not carry."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "english_g2.pth").symlink_to(published_weights / "english_g2.pth")
    monkeypatch.setenv("EASYOCR_MODULE_PATH", str(tmp_path))
    page = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^python (train\.py .*)$", page, flags=re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        door, *words = command.replace("easyocr:korean_g2", "easyocr:english_g2").split()
        code, out, err = run(door.removesuffix(".py"), *words)
        assert code == 0, err
        assert ("44/44 tensors loaded" in out) is ("--saved_model" in words)


@pytest.mark.slow
def test_the_demo_runs():
    done = subprocess.run(
        ["./demo.sh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DTRB_ENV": "active"},
    )
    assert done.returncode == 0, done.stderr
    assert "44/44 tensors loaded; head: 1,009 rows kept, 1,582 new, 0 dropped" in done.stdout
    assert "pass --output_channel 256" in done.stdout
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```\n(saved_models/demo/base.pth: .*?)  \.\.\.\n```", page, flags=re.DOTALL)
    for line in shown.splitlines():
        assert line in done.stdout.splitlines(), "the README shows what is printed"
