"""How long a user waits before anything happens: --help, a refusal, looking at a file.

python benchmarks/start.py [--runs 15]
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from dtrb.charset import read_file
from dtrb.checkpoints.files import save
from dtrb.config import ModelConfig
from dtrb.models.recognizer import Recognizer

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "korean.pth"
        korean = read_file(ROOT / "configs/charsets/korean_g2.txt").characters
        config = ModelConfig(
            Transformation="None",
            FeatureExtraction="VGG",
            SequenceModeling="BiLSTM",
            Prediction="CTC",
            character=korean,
        )
        save(weights, Recognizer(config))
        data = ["--train_data", "x", "--valid_data", "y"]
        commands = {
            "python -c pass": ["-c", "pass"],
            "python -c 'import torch'": ["-c", "import torch"],
            "train.py --help": ["train.py", "--help"],
            "inspect (16 MB)": ["-m", "dtrb", "inspect", str(weights)],
            "train.py, a refusal": ["train.py", "--saved_model", str(weights), "--hidden_size", "9", *data],
            "train.py --dry_run": ["train.py", "--saved_model", str(weights), *data, "--dry_run"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for run in range(runs + 1):  # in turn, so that a slow moment falls on all; the first is not counted
            for name, words in commands.items():
                started = time.perf_counter()
                subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=False)
                if run:
                    times[name].append(time.perf_counter() - started)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, {runs} runs"
    )
    for name, measured in times.items():
        low, middle, high = min(measured), statistics.median(measured), max(measured)
        print(f"{name:26} median {middle:6.3f} s   (min {low:.3f}, max {high:.3f})")


if __name__ == "__main__":
    main()
