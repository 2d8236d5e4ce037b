"""The recogniser: four stages, from pixels to the logits of each frame or step."""

from torch import Tensor, nn

from dtrb import stages
from dtrb.config import ModelConfig
from dtrb.models.tps import LocalizationNetwork


class Recognizer(nn.Module):
    # The attributes are keys of the state dict: clova's spelling, so that every existing file loads.

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        parts = build_stages(config, config.num_class)
        self.Transformation = parts["Transformation"]
        self.FeatureExtraction = parts["FeatureExtraction"]
        self.SequenceModeling = parts["SequenceModeling"]
        self.Prediction = parts["Prediction"]
        self.apply(initialise)

    def forward(self, images: Tensor, text: Tensor | None = None, is_train: bool = True) -> Tensor:
        """Give the logits [N, T, num_class] of images [N, input_channel, H, W].

        CTC: one of T frames each, class 0 is the blank, `text` is not looked at. Attn: one of T
        steps each, told the right characters when `text` is given and its own when it is not.
        `is_train` is there for callers of the original; `text` alone decides.
        """
        images = self.Transformation(images)  # [N, input_channel, imgH, imgW] after TPS
        features = self.FeatureExtraction(images)  # [N, output_channel, h, T]
        frames = features.mean(dim=2).transpose(1, 2)  # [N, T, output_channel]
        frames = self.SequenceModeling(frames)  # [N, T, hidden_size] after BiLSTM
        if self.config.Prediction == "Attn":
            return self.Prediction(frames, text, self.config.longest_label + 1)  # + 1 for [s]
        return self.Prediction(frames)


def build_stages(config: ModelConfig, num_class: int) -> dict[str, nn.Module]:
    """Make the four stages, each told the sizes of the one before it."""
    transformation = stages.load(stages.TRANSFORMATIONS[config.Transformation])
    features = stages.load(stages.FEATURE_EXTRACTORS[config.FeatureExtraction])
    sequence = stages.load(stages.SEQUENCE_MODELS[config.SequenceModeling])
    prediction = stages.load(stages.PREDICTIONS[config.Prediction])

    frame_size = config.output_channel if config.SequenceModeling == "None" else config.hidden_size
    head_sizes = (frame_size, config.hidden_size) if config.Prediction == "Attn" else (frame_size,)
    return {  # torch's Identity, which stands for "None", takes any arguments
        "Transformation": transformation(config.input_channel, config.imgH, config.imgW, config.num_fiducial),
        "FeatureExtraction": features(config.input_channel, config.output_channel),
        "SequenceModeling": sequence(config.output_channel, config.hidden_size),
        "Prediction": prediction(*head_sizes, num_class),
    }


def initialise(module: nn.Module) -> None:
    """Give a module its first weights, by its type (for `Module.apply`: children come first)."""
    if isinstance(module, nn.Conv2d | nn.Linear | nn.LSTM | nn.LSTMCell):
        for name, parameter in module.named_parameters(recurse=False):
            if "bias" in name:
                nn.init.zeros_(parameter)
            else:
                nn.init.kaiming_normal_(parameter)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, LocalizationNetwork):
        module.start_straight()
