"""Tell a network by the names and shapes of its tensors.

Nothing is guessed from a table of shapes: the stages are read off, the network that they make is
built without memory (torch's meta device), and the file has to match it tensor by tensor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from dtrb import easyocr_catalog, stages
from dtrb.config import MODEL_OPTIONS, ModelConfig
from dtrb.errors import ConfigError, counted
from dtrb.models.recognizer import build_stages

Shapes = Mapping[str, tuple[int, ...]]  # state-dict keys without any prefix

# One tensor of each is enough to know a network that finds text and cannot read it.
DETECTORS = {
    "conv_cls.8.weight": "CRAFT text detector",
    "decoder.binarize.0.weight": "DBNet text detector",
}


@dataclass(frozen=True)
class Network:
    """The architecture that a file of weights holds, and where that was read."""

    Transformation: str
    FeatureExtraction: str
    SequenceModeling: str
    Prediction: str
    input_channel: int
    output_channel: int
    num_class: int
    hidden_size: int | None = None  # None: no stage has one
    num_fiducial: int | None = None
    tps_points: int | None = None  # imgH * imgW of the TPS
    evidence: Mapping[str, str] = field(default_factory=dict, compare=False)  # option -> tensor and shape

    @property
    def stages(self) -> str:
        return f"{self.Transformation}-{self.FeatureExtraction}-{self.SequenceModeling}-{self.Prediction}"

    @property
    def num_character(self) -> int:
        return self.num_class - stages.SPECIAL_CLASSES[self.Prediction]

    def options(self) -> dict[str, str | int]:
        """Give what the shapes say, by the names of the options."""
        known = {name: getattr(self, name) for name in MODEL_OPTIONS if hasattr(self, name)}
        return {name: value for name, value in known.items() if value is not None}

    @property
    def description(self) -> str:
        """Say what the shapes look like. Shapes tell a shape, not an identity."""
        if not self.easyocr_generation:
            return f"{self.stages} recogniser ({self.num_class:,} classes)"
        name = (
            f"EasyOCR generation-{self.easyocr_generation} network, {self.output_channel}/{self.hidden_size}"
        )
        like = f"{self.easyocr_names[0]}-shaped, " if self.easyocr_names else ""
        return f"{name} ({like}{self.num_class:,} classes)"

    @property
    def easyocr_generation(self) -> int:
        """Give the generation of EasyOCR's networks that has these stages and sizes, or 0."""
        sizes = (self.input_channel, self.output_channel, self.hidden_size)
        if self.stages == "None-ResNet-BiLSTM-CTC" and sizes == (1, 512, 512):
            return 1
        return 2 if self.stages == "None-VGG-BiLSTM-CTC" and sizes == (1, 256, 256) else 0

    @property
    def easyocr_names(self) -> list[str]:
        """List EasyOCR's networks of this very shape, the number of classes included."""
        return [
            published.name
            for published in easyocr_catalog.recognisers().values()
            if (published.generation, len(published.characters))
            == (self.easyocr_generation, self.num_character)
        ]


def tell(shapes: Shapes) -> Network | str:
    """Give the network that the shapes make, or what they are instead."""
    for key, name in DETECTORS.items():
        if key in shapes:
            return f"{name}: it finds where text is and cannot read it"
    network = _read_stages(shapes)
    if network is None:
        return f"not a recogniser of this family; its tensors: {counted(list(shapes))}"
    if network.num_character < 1:
        return f"like {network.stages}, but not quite: {network.num_class} classes leave no character"
    try:
        problems = _differences(network, shapes)
    except (ConfigError, RuntimeError, OverflowError) as error:  # sizes that no network can have
        problems = [str(error).split("\n")[0]]
    if problems:
        return f"like {network.stages}, but not quite: {'; '.join(problems)}"
    return network


def _read_stages(shapes: Shapes) -> Network | None:
    evidence: dict[str, str] = {}

    def size(option: str, key: str, dimension: int) -> int:
        shape = shapes[key]
        evidence[option] = f"{key} is {'×'.join(map(str, shape))}"
        return shape[dimension]

    backbone = None
    for name, path in stages.FEATURE_EXTRACTORS.items():
        extractor = stages.load(path)
        first, last = (f"FeatureExtraction.{key}" for key in (extractor.first_conv, extractor.last_conv))
        if _has(shapes, first, 4) and _has(shapes, last, 4):
            backbone = name
            evidence["FeatureExtraction"] = f"{last} is there"
            input_channel = size("input_channel", first, 1)
            output_channel = size("output_channel", last, 0)
    if backbone is None:
        return None

    hidden_size = None
    recurrent, cell, linear = (
        "SequenceModeling.0.rnn.weight_hh_l0",
        "Prediction.generator.weight",
        "Prediction.weight",
    )
    if _has(shapes, recurrent, 2):
        hidden_size = size("hidden_size", recurrent, 1)
        evidence["SequenceModeling"] = f"{recurrent} is there"
    else:
        evidence["SequenceModeling"] = "no SequenceModeling tensors"
    if _has(shapes, cell, 2):
        prediction, head = "Attn", cell
        hidden_size = size("hidden_size", cell, 1)
    elif _has(shapes, linear, 2):
        prediction, head = "CTC", linear
    else:
        return None
    evidence["Prediction"] = f"{head} is there"
    num_class = size("num_class", head, 0)

    num_fiducial = tps_points = None
    fiducials, grid = (
        "Transformation.LocalizationNetwork.localization_fc2.bias",
        "Transformation.GridGenerator.P_hat",
    )
    if _has(shapes, fiducials, 1) and _has(shapes, grid, 2):
        num_fiducial = size("num_fiducial", fiducials, 0) // 2
        tps_points = size("tps_points", grid, 0)
        evidence["Transformation"] = f"{fiducials} is there"
    else:
        evidence["Transformation"] = "no Transformation tensors"
    return Network(
        Transformation="None" if num_fiducial is None else "TPS",
        FeatureExtraction=backbone,
        SequenceModeling="BiLSTM" if recurrent in shapes else "None",
        Prediction=prediction,
        input_channel=input_channel,
        output_channel=output_channel,
        hidden_size=hidden_size,
        num_class=num_class,
        num_fiducial=num_fiducial,
        tps_points=tps_points,
        evidence=evidence,
    )


def _differences(network: Network, shapes: Shapes) -> list[str]:
    expected = shapes_of(network)
    missing = [key for key in expected if key not in shapes]
    foreign = [key for key in shapes if key not in expected]
    other = [
        f"{key} is {'×'.join(map(str, shapes[key]))}, expected {'×'.join(map(str, shape))}"
        for key, shape in expected.items()
        if key in shapes and shapes[key] != shape
    ]
    lists = {"of another shape": other, "missing": missing, "too many": foreign}
    return [f"tensors {what}: {counted(which)}" for what, which in lists.items() if which]


def shapes_of(network: Network) -> dict[str, tuple[int, ...]]:
    """Give every tensor that a network must have."""
    config = ModelConfig(**network.options())  # type: ignore[arg-type]
    with torch.device("meta"):
        parts = build_stages(config, network.num_class)
    shapes = {
        f"{name}.{key}": tuple(tensor.shape)
        for name, part in parts.items()
        for key, tensor in part.state_dict().items()
    }
    if network.tps_points is not None:
        grid = "Transformation.GridGenerator.P_hat"
        shapes[grid] = (network.tps_points, *shapes[grid][1:])
    return shapes


def _has(shapes: Shapes, key: str, dimensions: int) -> bool:
    return len(shapes.get(key, ())) == dimensions
