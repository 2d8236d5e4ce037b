"""Every option, declared once: behind the flags, the profiles, opt.txt, opt.yaml and the checkpoints.

An option has one name everywhere. Options keep clova's spelling. The dataclasses say what there is;
where the values come from is in settings.py.
"""

import math
import string
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from dtrb import stages
from dtrb.charset import Charset
from dtrb.errors import CharsetError, ConfigError

DEFAULT_CHARACTERS = string.digits + string.ascii_lowercase
SENSITIVE_CHARACTERS = string.digits + string.ascii_letters + string.punctuation


@dataclass(frozen=True, kw_only=True)
class Option:
    """What is known of one option besides its value."""

    name: str = ""
    type: Any = None
    group: str = ""
    default: Any = MISSING
    help: str
    commands: tuple[str, ...]  # whose flag it is
    required: tuple[str, ...] = ()  # the commands that cannot do without
    choices: tuple[Any, ...] = ()
    least: float = -math.inf
    most: float = 10**9
    multiple: int = 1  # of what a number must be
    separator: str = ""  # between the parts of a list in one word
    form: str = ""  # what a value looks like, for --help
    in_profile: bool = True  # False: a thing to do now, not a setting to keep

    @property
    def metavar(self) -> str:
        known = {bool: "", int: "N", float: "X"}
        return self.form or "|".join(map(str, self.choices)) or known.get(self.type, self.name.upper())


def option(default: Any = MISSING, *, help: str, commands: str = "train test run", **facts: Any) -> Any:
    declared = Option(help=help, default=default, commands=tuple(commands.split()), **facts)
    return field(default=default, metadata={"option": declared})


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """All that rebuilds a network and its preprocessing; it travels in every checkpoint."""

    Transformation: str = option(choices=tuple(stages.TRANSFORMATIONS), help="rectification of the image")
    FeatureExtraction: str = option(choices=tuple(stages.FEATURE_EXTRACTORS), help="convolutional network")
    SequenceModeling: str = option(choices=tuple(stages.SEQUENCE_MODELS), help="context between the frames")
    Prediction: str = option(choices=tuple(stages.PREDICTIONS), help="prediction of the characters")
    num_fiducial: int = option(20, least=4, most=1000, multiple=2, help="fiducial points of the TPS")
    input_channel: int = option(1, choices=(1, 3), help="channels of the image: 1 is grey, 3 is --rgb")
    output_channel: int = option(
        256, least=16, most=2**16, help="channels of the features: 256 in EasyOCR's networks, 512 in clova's"
    )
    hidden_size: int = option(
        256, least=1, most=2**16, help="size of the LSTM's state; EasyOCR's networks have 256"
    )
    imgH: int = option(32, least=32, most=2**16, help="height of the image")
    imgW: int = option(
        100, least=8, most=2**16, help="width of the image; with --geometry easyocr the widest in a batch"
    )
    rgb: bool = option(False, help="read the images in colour")
    PAD: bool = option(False, help="keep the ratio of the image and pad it")
    geometry: str = option(
        "clova",
        choices=("clova", "easyocr"),
        help="how an image becomes a tensor: as in clova's benchmark, or exactly as EasyOCR does it",
    )
    character: str = option(
        None,
        help="the characters in class order: literally, or names joined by +: a .txt file, "
        "easyocr:korean_g2, checkpoint, data",
    )
    sensitive: bool = option(False, help="without --character: the 94 ASCII characters, not the 36")
    batch_max_length: int | tuple[int, ...] = option(
        25,
        least=1,
        separator="-",
        form="N[-N]",
        help="longest label; one number, or one for each part of --select_data",
    )

    def __post_init__(self) -> None:
        _check_fields(self)
        if self.rgb or self.input_channel == 3:
            object.__setattr__(self, "rgb", True)
            object.__setattr__(self, "input_channel", 3)
        if not self.character:  # nobody said any
            default = SENSITIVE_CHARACTERS if self.sensitive else DEFAULT_CHARACTERS
            object.__setattr__(self, "character", default)

    @cached_property
    def charset(self) -> Charset:
        return Charset(self.character)

    @property
    def num_class(self) -> int:
        return len(self.character) + stages.SPECIAL_CLASSES[self.Prediction]

    @property
    def longest_label(self) -> int:
        lengths = self.batch_max_length
        return lengths if isinstance(lengths, int) else max(lengths)

    @property
    def stages(self) -> str:
        """Name the network as clova does: None-VGG-BiLSTM-CTC."""
        return f"{self.Transformation}-{self.FeatureExtraction}-{self.SequenceModeling}-{self.Prediction}"


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which samples there are and how they are fed."""

    train_data: tuple[str, ...] = option(
        (), commands="train", required=("train",), form="DIR...", help="folder(s) with LMDBs to train on"
    )
    valid_data: tuple[str, ...] = option(
        (), commands="train", required=("train",), form="DIR...", help="folder(s) with LMDBs to validate on"
    )
    eval_data: tuple[str, ...] = option(
        (), commands="test", required=("test",), form="DIR...", help="folder(s) with LMDBs to evaluate on"
    )
    benchmark_all_eval: bool = option(False, commands="test", help="evaluate each data set below --eval_data")
    image_folder: str = option(
        "", commands="run", required=("run",), form="DIR", help="folder of pictures to read"
    )
    select_data: tuple[str, ...] = option(
        ("/",),
        commands="train",
        separator="-",
        form="NAME[-NAME]",
        help="data sets to use, by folder name; / is all of them",
    )
    batch_ratio: tuple[float, ...] | None = option(
        None,
        commands="train",
        separator="-",
        least=0,
        form="X[-X]",
        help="share of each part of --select_data in a batch",
    )
    total_data_usage_ratio: float = option(1.0, commands="train", least=0, help="share of the data to use")
    batch_size: int = option(192, least=1, help="samples in a batch")
    workers: int = option(4, least=0, help="processes that load data")
    data_filtering_off: bool = option(
        False,
        commands="train test",
        help="do not leave out labels that are too long or have other characters",
    )

    def __post_init__(self) -> None:
        _check_fields(self)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What a run does with the network, and where it keeps it."""

    exp_name: str = option(
        "", commands="train", form="NAME", help="name of the run, a folder in saved_models/"
    )
    saved_model: str = option(
        "", required=("test", "run"), form="FILE", help="weights to start from: a file, or easyocr:korean_g2"
    )
    FT: bool = option(False, commands="train", help="fine-tune: another character set or head may follow")
    charset_change: str = option(
        "grow",
        commands="train",
        choices=("grow", "replace", "fail"),
        help="with --FT, what may happen to the characters: grow adds and never loses, "
        "replace may also lose, fail allows neither",
    )
    num_iter: int = option(300000, commands="train", least=1, help="iterations to train for")
    valInterval: int = option(2000, commands="train", least=1, help="iterations between validations")
    manualSeed: int = option(
        1111, commands="train", least=0, most=2**32 - 1, help="seed of everything random"
    )
    adam: bool = option(False, commands="train", help="use Adam, not Adadelta")
    lr: float = option(1.0, commands="train", least=0, help="learning rate")
    beta1: float = option(0.9, commands="train", least=0, help="beta1 of Adam")
    rho: float = option(0.95, commands="train", least=0, help="decay rate of Adadelta")
    eps: float = option(1e-8, commands="train", least=0, help="epsilon of Adadelta")
    grad_clip: float = option(5.0, commands="train", least=0, help="clip gradients to this norm")
    baiduCTC: bool = option(
        False, commands="train test", help="accepted for old command lines; torch's CTC is used"
    )
    resume: bool = option(False, commands="train", in_profile=False, help="go on with the run in this folder")
    overwrite: bool = option(
        False, commands="train", in_profile=False, help="replace the run that is in this folder"
    )
    dry_run: bool = option(
        False, commands="train", in_profile=False, help="stop before training, having checked and reported"
    )

    def __post_init__(self) -> None:
        _check_fields(self)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    model: ModelConfig
    data: DataConfig
    train: TrainConfig

    def flat(self) -> dict[str, Any]:
        """Give every option by its one name, in the order of the declarations."""
        return {
            declared.name: getattr(part, declared.name)
            for part in (self.model, self.data, self.train)
            for declared in fields(part)
        }


def _declared() -> dict[str, Option]:
    groups = {"network and pixels": ModelConfig, "data": DataConfig, "run": TrainConfig}
    return {
        declared.name: replace(
            declared.metadata["option"], name=declared.name, type=declared.type, group=group
        )
        for group, part in groups.items()
        for declared in fields(part)
    }


OPTIONS: Mapping[str, Option] = _declared()
MODEL_OPTIONS = tuple(declared.name for declared in fields(ModelConfig))


def convert(name: str, value: Any) -> Any:
    """Turn what stands in a flag, a profile, an opt.txt or a checkpoint into the option's type.

    Text comes as text, so that no YAML rule reads 0123 as 83, yes as true or 1e-3 as a word.
    Raises ValueError with what was expected.
    """
    declared = OPTIONS[name]
    if declared.separator and isinstance(value, str):
        value = value.split(declared.separator)
    if value is None and declared.default is None:
        return None
    if declared.type is bool:
        return _switch(value)
    if declared.type in (int, float):
        return _number(value, declared.type, declared)
    if declared.type is str:
        return _choice(value, declared) if declared.choices else _text(value)

    parts = value if isinstance(value, list | tuple) else (value,)
    if not parts and declared.separator:
        raise ValueError(f"at least one: {declared.form}")
    if declared.type == tuple[str, ...]:
        return tuple(map(_text, parts))
    if declared.type == tuple[float, ...] | None:
        return tuple(_number(part, float, declared) for part in parts)
    assert declared.type == int | tuple[int, ...]
    numbers = tuple(_number(part, int, declared) for part in parts)
    return numbers[0] if len(numbers) == 1 else numbers


def shown(name: str, value: Any) -> str:
    """Write a value as it is written in a flag."""
    if isinstance(value, tuple):
        return (OPTIONS[name].separator or " ").join(shown(name, part) for part in value)
    return str(value)


def _check_fields(config: Any) -> None:
    problems = []
    for declared in fields(config):
        try:
            value = convert(declared.name, getattr(config, declared.name))
            object.__setattr__(config, declared.name, value)
            if declared.name == "character" and value is not None:
                Charset(value)
        except ValueError as error:
            problems.append(f"{declared.name} is {getattr(config, declared.name)!r}; expected {error}")
        except CharsetError as error:
            problems += error.problems
    if problems:
        raise ConfigError(type(config).__name__, problems)


def _choice(value: Any, declared: Option) -> str:
    if value is None and "None" in declared.choices:
        return "None"
    if value not in declared.choices:
        raise ValueError(" or ".join(declared.choices))
    return str(value)


def _switch(value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError("true or false")
    return words[value.lower()]


def _number(value: Any, kind: type, declared: Option) -> Any:
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        number = kind(value)
        fits = declared.least <= number <= declared.most
        fits = fits and (declared.multiple == 1 or number % declared.multiple == 0)
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits or (declared.choices and number not in declared.choices):
        raise ValueError(_expected(kind, declared))
    return number


def _expected(kind: type, declared: Option) -> str:
    if declared.choices:
        return " or ".join(map(str, declared.choices))
    words = "a whole number" if kind is int else "a number"
    words = "an even number" if declared.multiple == 2 else words
    if declared.least > -math.inf:
        words += f" of at least {declared.least:,}"
    return words + f" and at most {declared.most:,}" * (declared.most < 10**9)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value
