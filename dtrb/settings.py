"""What was said, and by whom: the command line and the profiles, before they become a configuration.

Precedence: default < a profile's `base:` < the `--config` profiles in the order given < flags.
What a checkpoint knows about itself fills whatever none of them says (checkpoints/agreement.py).
"""

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from dtrb import charset, flat_yaml
from dtrb.config import (
    OPTIONS,
    DataConfig,
    ModelConfig,
    Option,
    RunConfig,
    TrainConfig,
    convert,
    shown,
)
from dtrb.errors import ConfigError, did_you_mean

ABOUT = {
    "train": "Train or fine-tune a text recogniser.",
    "test": "Evaluate a text recogniser on labelled data.",
    "run": "Read pictures of text.",
}
EXAMPLE = {
    "train": "--config configs/korean_g2.yaml --train_data DIR --valid_data DIR "
    "--saved_model easyocr:korean_g2 --FT",
    "test": "--saved_model saved_models/NAME/best_accuracy.pth --eval_data DIR",
    "run": "--saved_model saved_models/NAME/best_accuracy.pth --image_folder DIR",
}


DEEPEST = 20  # profiles that build on one another

Part = TypeVar("Part", ModelConfig, DataConfig, TrainConfig)
Profile = dict[str, tuple[Any, str]]  # option -> what stands there, and where


@dataclass(frozen=True)
class Setting:
    value: Any
    source: str  # --imgH, configs/book.yaml:7, or what of the checkpoint said it


@dataclass
class Settings:
    """The settings of one command, and everything that is wrong with how they were said."""

    command: str
    said: dict[str, Setting] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    misread: set[str] = field(default_factory=set)  # options that were said, but wrongly

    def get(self, name: str) -> Any:
        return self.said[name].value if name in self.said else OPTIONS[name].default

    def saying(self, name: str, setting: Setting) -> "Settings":
        return replace(self, said={**self.said, name: setting})

    def missing(self, known: Iterable[str] = ()) -> list[str]:
        """Say which options nobody gave that this command cannot do without."""
        given = {
            *known,
            *self.misread,
            *(name for name, one in self.said.items() if one.value not in ("", ())),
        }
        absent = [declared for declared in OPTIONS.values() if declared.name not in given]
        problems = [
            f"--{declared.name} is required ({declared.help}); pass it, or a --config profile that says it"
            for declared in absent
            if self.command in declared.required
        ]
        stages = [
            f"--{declared.name} {declared.metavar}" for declared in absent if declared.default is MISSING
        ]
        if stages:
            problems.append(
                f"the network is not described: pass {', '.join(stages)}, or a --config profile such as "
                "configs/korean_g2.yaml, or a --saved_model, which knows"
            )
        return problems

    def clashes(self) -> list[str]:
        """Say which of the options that were said do not go together."""
        problems = []
        if {"rgb", "input_channel"} <= self.said.keys() and self.get("rgb") != (
            self.get("input_channel") == 3
        ):
            problems.append(
                f"{self.said['rgb'].source} says rgb {self.get('rgb')}, {self.said['input_channel'].source} "
                f"says input_channel {self.get('input_channel')}; colour is three channels: leave one out"
            )
        parts = self.get("select_data")
        for name in ("batch_ratio", "batch_max_length"):
            numbers = self.get(name)
            if self.command == "train" and isinstance(numbers, tuple) and len(numbers) != len(parts):
                problems.append(
                    f"--{name} has {len(numbers)} numbers ({shown(name, numbers)}) for the {len(parts)} of "
                    f"--select_data {shown('select_data', parts)}; give one for each"
                )
        if self.get("FT") and not self.get("saved_model") and "saved_model" not in self.misread:
            problems.append(
                "--FT fine-tunes the weights of --saved_model, and there are none; "
                "pass --saved_model easyocr:korean_g2 or a file, or leave --FT out"
            )
        if self.get("resume") and self.get("overwrite"):
            problems.append("--resume goes on with a run and --overwrite replaces it; pass one of them")
        return problems

    def build(self, known: Mapping[str, Setting]) -> RunConfig:
        """Make the configuration: the defaults, then what is `known`, then what was said."""
        values = {name: declared.default for name, declared in OPTIONS.items()}
        values |= {name: setting.value for name, setting in {**known, **self.said}.items()}
        if not values["exp_name"]:
            values["exp_name"] = (
                f"{values['Transformation']}-{values['FeatureExtraction']}-{values['SequenceModeling']}-"
                f"{values['Prediction']}-Seed{values['manualSeed']}"
            )

        def fill(part: type[Part]) -> Part:
            return part(**{declared.name: values[declared.name] for declared in fields(part)})

        return RunConfig(model=fill(ModelConfig), data=fill(DataConfig), train=fill(TrainConfig))

    def say(self, name: str, raw: Any, source: str) -> None:
        """Take a value as it stands in a flag or a profile; one of another command is checked and left."""
        try:
            setting = Setting(convert(name, raw), source)
            if self.command in OPTIONS[name].commands:
                self.said[name] = setting
        except ValueError as expected:
            said = " ".join(map(str, raw)) if isinstance(raw, list) else raw
            subject = source if source.startswith("--") else f"{source}: {name}"
            near = did_you_mean(str(said), map(str, OPTIONS[name].choices))
            self.reject(name, f"{subject} is {said!r}; expected {expected}{near}")

    def reject(self, name: str, problem: str) -> None:
        self.misread.add(name)
        self.problems.append(problem)


def read_command_line(command: str, argv: Sequence[str]) -> Settings:
    """Read flags, and the profiles that they name. What is wrong is collected, not raised."""
    settings = Settings(command)
    flags = {name: declared for name, declared in OPTIONS.items() if command in declared.commands}
    parsed, strays = _parser(command, flags.values()).parse_known_args(argv)
    given: dict[str, list[list[str]]] = vars(parsed)  # every time that a flag was given, the words after it

    profiles = [path for paths in given.pop("config", []) for path in paths]
    if not profiles and "--config" in argv:
        settings.problems.append("--config needs the name of a profile, for example configs/korean_g2.yaml")
    _read_profiles(settings, profiles)

    mistaken = _flag_like_values(argv, strays)
    for name, times in given.items():
        words, declared = times[-1], OPTIONS[name]
        many = declared.type == tuple[str, ...] and not declared.separator
        if declared.type is bool and not words:
            words = ["true"]
        if len(times) > 1:
            settings.reject(name, f"--{name} is given {len(times)} times; keep one of them")
        elif name in mistaken:
            value = mistaken[name]
            settings.reject(name, f"--{name}: {value!r} looks like a flag; write --{name}={value}")
        elif not words:
            settings.reject(name, f"--{name} needs a value: --{name} {declared.metavar}")
        elif len(words) > 1 and not many:
            settings.reject(name, f"--{name} takes one value, and has {len(words)}: {' '.join(words)}")
        else:
            settings.say(name, words if many else words[0], f"--{name}")
    strays = [word for word in strays if word not in mistaken.values()]
    settings.problems += _explain_strays(strays, command, flags)
    return settings


def _flag_like_values(argv: Sequence[str], strays: Sequence[str]) -> dict[str, str]:
    """Find values that begin with a dash, as a set of characters may: `--character -abc`."""
    return {
        flag[2:]: word
        for flag, word in pairwise(argv)
        if flag.startswith("--")
        and flag[2:] in OPTIONS
        and OPTIONS[flag[2:]].type is not bool
        and word in strays
        and word.startswith("-")
        and not word.startswith("--")
    }


def _parser(command: str, flags: Iterable[Option]) -> argparse.ArgumentParser:
    """Make a parser that only takes the words apart: what they mean is checked in one place, `convert`."""
    parser = argparse.ArgumentParser(
        prog=f"{command}.py",
        usage=f"{command}.py [--config PROFILE ...] [--OPTION VALUE ...]",
        description=ABOUT[command],
        epilog=f"for example: python {command}.py {EXAMPLE[command]}",
        allow_abbrev=False,
        add_help=False,  # its -h would be taken for help even where it is a value: --character -h
        argument_default=argparse.SUPPRESS,
        formatter_class=_Help,
    )
    parser.add_argument("--help", action="help", help="show this")
    parser.add_argument(
        "--config", nargs="*", action="append", metavar="PROFILE", help="YAML profile(s), later ones win"
    )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for declared in flags:
        group = groups.setdefault(declared.group, parser.add_argument_group(declared.group))
        default = (
            ""
            if declared.default in (MISSING, None, "", (), False)
            else shown(declared.name, declared.default)
        )
        told = declared.help + (f" (default {default})" if default else "")
        group.add_argument(
            f"--{declared.name}",
            nargs="*",
            action="append",
            metavar=declared.metavar,
            help=told.replace("%", "%%"),
        )
    return parser


class _Help(argparse.HelpFormatter):
    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        return str(action.metavar or "")


def _explain_strays(strays: Sequence[str], command: str, flags: Mapping[str, Option]) -> list[str]:
    problems = []
    after_unknown_flag = False  # then what follows is its value
    for word in strays:
        flag, equals, _ = word.partition("=")
        name = flag.lstrip("-")
        if not word.startswith("-"):
            if not after_unknown_flag:
                problems.append(f"{word!r} belongs to no option")
            continue
        if flag == "--":
            problems.append("-- ends the options; leave it out")
        elif name in OPTIONS and name not in flags:
            problems.append(f"{flag} is an option of {OPTIONS[name].commands[0]}.py, not of {command}.py")
        elif name in flags and flag.startswith("--"):
            continue  # it stands after the -- that was named above
        else:
            near = did_you_mean(name, [*flags, "config", "help"])
            problems.append(f"there is no option {flag}{near.replace('mean ', 'mean --')}")
        after_unknown_flag = not equals
    return problems


def _read_profiles(settings: Settings, paths: Sequence[str]) -> None:
    """Take every `base:` first, then the profiles themselves, each in the order given."""
    chains = [_profile_chain(settings, Path(path)) for path in paths]
    bases = [profile for chain in chains for profile in chain[:-1]]
    for profile in [*bases, *(chain[-1] for chain in chains)]:
        for name, (raw, source) in profile.items():
            settings.say(name, raw, source)


def _profile_chain(settings: Settings, path: Path) -> list[Profile]:
    """Give a profile with all its bases before it, the furthest first."""
    chain: list[Profile] = []
    seen: list[Path] = []
    named_by = "--config"
    while True:
        if path.absolute() in (one.absolute() for one in seen) or len(seen) == DEEPEST:
            story = " → ".join(map(str, [*seen, path]))
            settings.problems.append(f"{named_by} leads back to itself ({story}); remove one `base:`")
            settings.misread.update(OPTIONS)
            return chain
        profile = _read_profile(settings, path, named_by)
        seen.append(path)
        chain.insert(0, profile)
        if "base" not in profile:
            return chain
        base, where = profile.pop("base")
        path, named_by = Path(os.path.normpath(path.parent / base)), f"{where}: base"


def _read_profile(settings: Settings, path: Path, named_by: str) -> Profile:
    try:
        entries = flat_yaml.read(path)
    except ConfigError as error:
        near = did_you_mean(
            path.name, [one.name for one in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        )
        settings.problems.append(f"{named_by} {error}{near}")
        settings.misread.update(OPTIONS)  # nobody knows what it would have said
        return {}
    if {"number", "symbol", "lang_char"} <= {entry.name for entry in entries}:
        settings.problems.append(
            f"{named_by} {path}: this is a configuration of EasyOCR's trainer. Its network is that of "
            "configs/english_g2.yaml; number + symbol + lang_char are --character, experiment_name is "
            "--exp_name"
        )
        settings.misread.update(OPTIONS)
        return {}
    profile: Profile = {}
    for entry in entries:
        name, value, where = entry.name, entry.value, f"{path}:{entry.line}"
        if name != "base" and name not in OPTIONS:
            settings.problems.append(f"{where}: there is no option {name}{did_you_mean(name, OPTIONS)}")
        elif name != "base" and not OPTIONS[name].in_profile:
            settings.problems.append(f"{where}: {name} is for the command line only; pass --{name}")
        elif name in profile:
            settings.problems.append(f"{where}: {name} is there for the second time; keep one of the two")
        elif value is None and "None" in getattr(OPTIONS.get(name), "choices", ()):
            profile[name] = ("None", where)  # how YAML writes the name of a stage that is not there
        elif value is None or (name == "base" and isinstance(value, list)):
            settings.problems.append(
                f"{where}: {name} must have one value; leave the line out for the default"
            )
            settings.misread.add(name)
        elif name == "character" and isinstance(value, str):
            profile[name] = (charset.anchored(value, path.parent), where)
        else:
            profile[name] = (value, where)
    return profile


def write_opt_txt(config: RunConfig) -> str:
    """Write a block of opt.txt as clova does; the file of a run is appended to."""
    lines = [f"{name}: {shown(name, value)}" for name, value in _kept(config).items()]
    return "\n".join(["------------ Options -------------", *lines, "-" * 39, ""])


def read_opt_txt(text: str) -> dict[str, str]:
    """Read the last block of an opt.txt, clova's or EasyOCR's trainer's or ours, as it stands there."""
    block = text.rsplit("------------ Options -------------", 1)[-1]
    pairs = (line.split(": ", 1) for line in block.split("\n") if ": " in line)
    return {name: value.rstrip("\r") for name, value in pairs}


def write_opt_yaml(config: RunConfig) -> str:
    """Write a profile that repeats the run: train.py --config opt.yaml."""
    import yaml

    values = {
        name: list(v) if isinstance(v, tuple) else v for name, v in _kept(config).items() if v is not None
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=10**9)


def _kept(config: RunConfig) -> dict[str, Any]:
    return {
        name: value
        for name, value in config.flat().items()
        if "train" in OPTIONS[name].commands and OPTIONS[name].in_profile
    }
