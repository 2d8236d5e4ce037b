"""What the files beside a bare `.pth` say about it.

clova's trainer leaves an `opt.txt`; EasyOCR's trainer an `opt.txt` and its own YAML; an EasyOCR user
network has a `NAME.yaml`. They are hints: one that describes another network is passed over, aloud.
"""

import os
from pathlib import Path
from typing import Any

from dtrb import flat_yaml
from dtrb.charset import Charset
from dtrb.checkpoints.networks import Network
from dtrb.config import MODEL_OPTIONS, convert
from dtrb.errors import CharsetError, ConfigError
from dtrb.settings import Setting, read_opt_txt
from dtrb.textfile import UnreadableError, read_text


def read_beside(path: Path, network: Network) -> tuple[dict[str, Setting], list[str]]:
    """Give what the files beside `path` know, the first that tells the characters above all.

    Notes say which of them were not used, and why.
    """
    notes: list[str] = []
    best: dict[str, Setting] = {}
    for beside in filter(os.path.isfile, _candidates(path)):
        try:
            said = _read(beside)
        except (ConfigError, UnreadableError) as error:
            notes.append(f"{beside} is not used: {error}")
            continue
        known, problems = _understand(said, beside, network)
        if problems:
            notes.append(f"{beside} is not used: it describes another network ({'; '.join(problems)})")
        elif "character" in known:
            return known, notes
        else:
            best = best or known
    return best, notes


def _candidates(path: Path) -> list[Path]:
    candidates = [path.with_suffix(".yaml"), path.with_name("opt.yaml"), path.with_name("opt.txt")]
    if path.parent.name == "model":  # of an EasyOCR user network, whose yaml lies one folder up or next door
        above, name = path.parent.parent, f"{path.stem}.yaml"
        candidates += [above / name, above / "user_network" / name]
    return candidates


def _read(beside: Path) -> dict[str, Any]:
    """Read a file into our options, whatever words its maker used."""
    if beside.suffix == ".txt":
        return _with_trainer_characters(read_opt_txt(read_text(beside)))
    said = {entry.name: entry.value for entry in flat_yaml.read(beside)}
    if "character_list" in said:  # an EasyOCR user network
        characters = said["character_list"]
        return {
            "character": "".join(characters) if isinstance(characters, list) else characters,
            "imgH": said.get("imgH"),
            "imgW": 600,  # as EasyOCR's own networks were trained; it reads any width
            "geometry": "easyocr",
            "PAD": True,
        }
    return _with_trainer_characters(said)


def _with_trainer_characters(said: dict[str, Any]) -> dict[str, Any]:
    """EasyOCR's trainer keeps its characters in three parts."""
    parts = [said.get(name) for name in ("number", "symbol", "lang_char")]
    if "character" not in said and all(isinstance(part, str) for part in parts) and parts[2] != "None":
        return {**said, "character": "".join(str(part) for part in parts)}
    return said


def _understand(said: dict[str, Any], beside: Path, network: Network) -> tuple[dict[str, Setting], list[str]]:
    known: dict[str, Setting] = {}
    problems = []
    for name in MODEL_OPTIONS:
        if said.get(name) is None or name == "rgb":  # the shapes tell the channels
            continue
        try:
            known[name] = Setting(convert(name, said[name]), str(beside))
        except ValueError as expected:
            problems.append(f"{name} is {said[name]!r}, expected {expected}")
    for name, value in network.options().items():
        if name in known and known[name].value != value:
            problems.append(f"{name} is {known[name].value}, the file has {value}")
    if "character" in known:
        try:
            count = len(Charset(known["character"].value))
        except CharsetError as error:
            problems += error.problems
        else:
            if count != network.num_character:
                problems.append(f"{count:,} characters, the file has {network.num_character:,}")
    return known, problems
