"""The recorded numbers of the original network, and the weights they were computed with."""

import zlib
from pathlib import Path

import numpy as np
import torch

from dtrb.config import ModelConfig
from dtrb.models.recognizer import Recognizer

FOLDER = Path(__file__).parent / "fixtures" / "parity"
NAMES = sorted(path.stem for path in FOLDER.glob("*-*.npz"))


def config_of(name: str, **other) -> ModelConfig:
    """Give the configuration of a combination such as TPS-ResNet-BiLSTM-Attn, small as recorded."""
    transformation, features, sequence, prediction = name.split("-")
    sizes = {"output_channel": 32, "hidden_size": 16, "batch_max_length": 6}
    return ModelConfig(
        Transformation=transformation,
        FeatureExtraction=features,
        SequenceModeling=sequence,
        Prediction=prediction,
        **{**sizes, **other},
    )


def filled(model: Recognizer, salt: int = 0) -> Recognizer:
    """Fill every tensor from its own key, so that nothing but numbers has to be recorded."""
    state = model.state_dict()
    for key, tensor in state.items():
        last = key.rsplit(".", 1)[-1]
        if key.endswith(("localization_fc2.bias", "num_batches_tracked", "inv_delta_C", "P_hat")):
            continue
        shape = tuple(tensor.shape)
        x = np.random.default_rng(zlib.crc32(f"{salt}:{key}".encode())).standard_normal(shape)
        x = x.astype(np.float32)
        if last == "running_var":
            x = 1 + 0.1 * abs(x)
        elif last == "running_mean" or "bias" in last:
            x = 0.1 * x
        elif "localization_fc2" in key:
            x = 0.01 * x
        elif x.ndim == 1:
            x = 1 + 0.1 * x
        else:
            x = x * (4 if key.startswith("Prediction.") else 1) * float(np.sqrt(2 / np.prod(shape[1:])))
        state[key] = torch.from_numpy(x)
    model.load_state_dict(state)
    return model
