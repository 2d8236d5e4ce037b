"""The four stages of a recogniser: every choice by name, and where its module lives.

Paths, not classes, so that `--help` and the configuration know the names without importing torch.
A new backbone is one file in dtrb/models/ and one line here (docs/architecture.md shows it).
"""

from pkgutil import resolve_name
from typing import Any

TRANSFORMATIONS = {
    "None": "torch.nn:Identity",
    "TPS": "dtrb.models.tps:TPS",
}
FEATURE_EXTRACTORS = {
    "VGG": "dtrb.models.vgg:VGG",
    "RCNN": "dtrb.models.rcnn:RCNN",
    "ResNet": "dtrb.models.resnet:ResNet",
}
SEQUENCE_MODELS = {
    "None": "torch.nn:Identity",
    "BiLSTM": "dtrb.models.bilstm:StackedBiLSTM",
}
PREDICTIONS = {
    "CTC": "torch.nn:Linear",
    "Attn": "dtrb.models.attention:Attention",
}

# Classes that come before the characters: the CTC blank, or attention's [GO] and [s].
SPECIAL_CLASSES = {"CTC": 1, "Attn": 2}


def load(path: str) -> Any:
    """Import the class that a path of the tables above names."""
    return resolve_name(path)
