"""Stages and sizes are read from shapes alone."""

import pytest
import torch
from parity import NAMES, config_of

from dtrb.checkpoints.networks import Network, tell
from dtrb.config import ModelConfig
from dtrb.models.recognizer import Recognizer


def shapes_of(config):
    with torch.device("meta"):
        state = Recognizer(config).state_dict()
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_combination_is_told(name):
    config = config_of(name, output_channel=48, hidden_size=24, num_fiducial=16, rgb=True, imgH=48, imgW=96)
    network = tell(shapes_of(config))
    assert isinstance(network, Network)
    assert network.stages == config.stages == name
    assert network.num_class == config.num_class
    assert network.num_character == 36
    for option, value in network.options().items():
        assert value == getattr(config, option), option
    has_state = "BiLSTM" in name or "Attn" in name
    assert network.hidden_size == (24 if has_state else None)
    assert network.num_fiducial == (16 if "TPS" in name else None)
    assert network.tps_points == (48 * 96 if "TPS" in name else None)


def test_the_evidence_names_the_tensor():
    network = tell(shapes_of(config_of("None-VGG-BiLSTM-CTC")))
    assert network.evidence["output_channel"] == "FeatureExtraction.ConvNet.18.weight is 32×32×2×2"
    assert network.evidence["hidden_size"] == "SequenceModeling.0.rnn.weight_hh_l0 is 64×16"


def easyocr_like(generation, count):
    stages = {"Transformation": "None", "SequenceModeling": "BiLSTM", "Prediction": "CTC"}
    backbone, size = {1: ("ResNet", 512), 2: ("VGG", 256)}[generation]
    characters = "".join(chr(0xAC00 + index) for index in range(count))
    config = ModelConfig(
        **stages, FeatureExtraction=backbone, output_channel=size, hidden_size=size, character=characters
    )
    return tell(shapes_of(config)).description


def test_shapes_tell_a_shape_not_an_identity():
    assert easyocr_like(2, 1008) == "EasyOCR generation-2 network, 256/256 (korean_g2-shaped, 1,009 classes)"
    assert easyocr_like(2, 167) == "EasyOCR generation-2 network, 256/256 (kannada_g2-shaped, 168 classes)"
    assert easyocr_like(1, 167) == "EasyOCR generation-1 network, 512/512 (latin_g1-shaped, 168 classes)"
    assert easyocr_like(2, 999) == "EasyOCR generation-2 network, 256/256 (1,000 classes)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"Prediction.weight": (37, 17)},
            "tensors of another shape: 1 (Prediction.weight is 37×17, expected 37×16)",
        ),
        ({"FeatureExtraction.ConvNet.8.bias": None}, "tensors missing: 1 (FeatureExtraction.ConvNet.8.bias)"),
        ({"extra.weight": (1,)}, "tensors too many: 1 (extra.weight)"),
    ],
)
def test_a_network_that_is_nearly_one_of_ours_is_not_taken_for_it(change, message):
    shapes = {**shapes_of(config_of("None-VGG-BiLSTM-CTC")), **change}
    told = tell({key: shape for key, shape in shapes.items() if shape is not None})
    assert isinstance(told, str)
    assert message in told


def test_what_is_no_recogniser():
    assert "CRAFT text detector" in tell(
        {"basenet.slice1.0.weight": (64, 3, 3, 3), "conv_cls.8.weight": (2, 16, 1, 1)}
    )
    assert "DBNet text detector" in tell({"decoder.binarize.0.weight": (64, 256, 3, 3)})
    assert "not a recogniser of this family" in tell(
        {"conv1.weight": (64, 3, 7, 7), "fc.weight": (1000, 512)}
    )
    assert "not a recogniser of this family" in tell({"FeatureExtraction.ConvNet.0.weight": (4,)})
