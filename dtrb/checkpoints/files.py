"""Read any file of weights for what it is; write our own so that it says what it is.

A file that we write is a bare state dict with `module.` before every key: clova's code and EasyOCR
load it as it is. What it says about itself rides in the state dict's own `_metadata`, under "dtrb",
in plain JSON types, which other programs do not look at and `weights_only=True` restores.
"""

import hashlib
import json
import platform
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import dtrb
from dtrb import easyocr_catalog
from dtrb.atomic import replacing
from dtrb.charset import Charset
from dtrb.checkpoints import foreign, sidecars
from dtrb.checkpoints.easyocr_weights import locate, md5
from dtrb.checkpoints.networks import Network, tell
from dtrb.config import ModelConfig
from dtrb.easyocr_catalog import PublishedNetwork
from dtrb.errors import CharsetError, CheckpointError, ConfigError, counted
from dtrb.settings import Setting

FORMAT = 1
PREFIX = "module."  # EasyOCR cuts these seven characters from every key, without looking
WRAPPERS = (PREFIX, "_orig_mod.", "model.")  # what DataParallel, torch.compile and others put before a key
# Where trainers keep the state dict of the network among other things, the best first.
NESTS = ("model", "state_dict", "model_state_dict", "network", "net", "weights", "craft")


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights and everything that can be known of it."""

    name: str  # as the user wrote it
    path: Path
    md5: str
    tensors: Mapping[str, Tensor]  # by key without any prefix
    prefix: str  # that stood before every key
    nest: str  # the entry that held the state dict, "" when the file is the state dict
    told: Network | str  # by its shapes; str: what it is instead of a recogniser
    metadata: Mapping[str, Any]  # what our own files say about themselves
    known: Mapping[str, Setting]  # option -> what the file knows about it, and how
    notes: tuple[str, ...] = ()

    @property
    def is_recogniser(self) -> bool:
        return isinstance(self.told, Network)

    @property
    def network(self) -> Network:
        assert isinstance(self.told, Network), "ask for read_recogniser"
        return self.told

    @property
    def charset(self) -> Charset | None:
        return Charset(self.known["character"].value) if "character" in self.known else None

    @property
    def iteration(self) -> int:
        return int(self.metadata.get("iteration", 0))

    @property
    def description(self) -> str:
        published = _published(self.md5)
        if published:
            return f"EasyOCR {published.name}" if published.generation else f"EasyOCR's {self.told}"
        if isinstance(self.told, str):
            return self.told
        if self.metadata:
            made_by = f"dtrb {self.metadata['versions']['dtrb']}"
            return f"{self.told.stages} recogniser ({self.told.num_class:,} classes), made by {made_by}"
        return self.told.description


def read(name: str) -> Checkpoint:
    """Read what --saved_model names: a recogniser, or whatever it turns out to be."""
    path = locate(name)
    refusal = foreign.refuse(path)
    if refusal:
        raise CheckpointError(name, refusal)
    content = _load(name, path)
    state, nest = _state_dict(name, content)
    tensors, prefix = _without_prefix(state)
    told = tell({key: tuple(tensor.shape) for key, tensor in tensors.items()})
    metadata = _read_metadata(name, state, tensors)
    digest = md5(path)
    known: Mapping[str, Setting] = {}
    notes: list[str] = []
    if isinstance(told, Network):
        known, notes = _what_is_known(name, path, digest, told, metadata)
    return Checkpoint(
        name=name, path=path, md5=digest, tensors=tensors, prefix=prefix, nest=nest, told=told,
        metadata=metadata, known=known, notes=tuple(notes),
    )  # fmt: skip


def read_recogniser(name: str) -> Checkpoint:
    checkpoint = read(name)
    if not checkpoint.is_recogniser:
        raise CheckpointError(
            name,
            f"{checkpoint.description}. A recogniser is needed: pass easyocr:korean_g2, or "
            "best_accuracy.pth of a run, as --saved_model",
        )
    return checkpoint


def save(
    path: Path,
    model: nn.Module,
    config: ModelConfig,
    *,
    iteration: int = 0,
    metrics: Mapping[str, float] | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write a network that describes itself, whole or not at all."""
    plain: Any = model.state_dict()
    state = OrderedDict((PREFIX + key, tensor) for key, tensor in plain.items())
    metadata = {
        "format": FORMAT,
        "config": asdict(config),
        "iteration": iteration,
        "metrics": dict(metrics or {}),
        "data": dict(data or {}),
        "tensors": {key: checksum(tensor) for key, tensor in plain.items()},
        "versions": {
            "dtrb": dtrb.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    metadata = json.loads(json.dumps(metadata))  # plain types only: that is what may be loaded
    metadata["checksum"] = _text_checksum(metadata)
    versions = {f"{PREFIX}{key}".rstrip("."): value for key, value in plain._metadata.items()}
    state._metadata = OrderedDict({"": {"version": 1}, **versions, "dtrb": metadata})  # type: ignore[attr-defined]
    try:
        with replacing(path) as aside, aside.open("wb") as file:
            torch.save(state, file)
    except OSError as error:
        raise CheckpointError(
            str(path), f"not written: {error.strerror}; an older file of this name is as it was"
        ) from error


def checksum(tensor: Tensor) -> str:
    """Tell a tensor from every other, bit by bit."""
    tensor = tensor.detach().cpu().contiguous()
    digest = hashlib.blake2b(f"{tensor.dtype} {tuple(tensor.shape)} ".encode(), digest_size=8)
    digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _text_checksum(metadata: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in metadata.items() if name != "checksum"}
    return hashlib.blake2b(json.dumps(rest, sort_keys=True).encode(), digest_size=8).hexdigest()


def _load(name: str, path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on odd pickles: they are refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything at all on damaged bytes
        raise CheckpointError(name, foreign.explain(path, error)) from None


def _state_dict(name: str, content: Any) -> tuple[Mapping[str, Tensor], str]:
    """Find the network's tensors among whatever else a trainer kept."""
    if _all_tensors(content):
        return content, ""
    for nest in NESTS:
        if isinstance(content, Mapping) and _all_tensors(content.get(nest)):
            return content[nest], nest
    entries = ", ".join(map(str, content))[:200] if isinstance(content, Mapping) else type(content).__name__
    raise CheckpointError(name, f"no weights of a network in it (found: {entries})")


def _all_tensors(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())
    )


def _without_prefix(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    tensors, prefix = dict(state), ""
    while wrapper := next((w for w in WRAPPERS if all(key.startswith(w) for key in tensors)), ""):
        tensors = {key.removeprefix(wrapper): tensor for key, tensor in tensors.items()}
        prefix += wrapper
    return tensors, prefix


def _read_metadata(name: str, state: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read what a file of ours says about itself, and hold it to that."""
    metadata = getattr(state, "_metadata", {}).get("dtrb")
    if metadata is None:
        return {}
    try:
        made_by, recorded = metadata["versions"]["dtrb"], metadata["tensors"]
        is_newer = metadata["format"] > FORMAT
        is_whole = metadata["checksum"] == _text_checksum(metadata)
    except (TypeError, KeyError):
        raise CheckpointError(name, "damaged: its description is not one that dtrb writes") from None
    if is_newer:
        raise CheckpointError(name, f"written by dtrb {made_by}, and this is {dtrb.__version__}; update dtrb")
    if not is_whole:
        raise CheckpointError(name, "damaged: its description does not match its checksum; restore a copy")
    found = {key: checksum(tensor) for key, tensor in tensors.items()}
    wrong = [key for key in {**recorded, **found} if recorded.get(key) != found.get(key)]
    if wrong:
        raise CheckpointError(
            name, f"damaged: tensors that do not match their checksums: {counted(wrong)}; restore a copy"
        )
    return dict(metadata)


def _what_is_known(
    name: str, path: Path, digest: str, network: Network, metadata: Mapping[str, Any]
) -> tuple[dict[str, Setting], list[str]]:
    """Gather what a recogniser knows: its own record, EasyOCR's list, or a file beside it; and its shapes."""
    known: dict[str, Setting] = {}
    notes: list[str] = []
    published = _published(digest)
    if metadata:
        try:
            config = asdict(ModelConfig(**metadata["config"]))
        except (TypeError, KeyError, ConfigError) as error:
            raise CheckpointError(name, f"its description is not understood ({error}); update dtrb") from None
        known = {option: Setting(value, f"{path.name}, its own record") for option, value in config.items()}
        if len(config["character"]) != network.num_character:
            raise CheckpointError(
                name,
                f"damaged: its record has {len(config['character']):,} characters, its head "
                f"{network.num_character:,}",
            )
    elif published:
        source = f"EasyOCR's {published.name}, known by its md5"
        pixels = {"imgH": 64, "imgW": 600, "PAD": True, "geometry": "easyocr"}
        known = {option: Setting(value, source) for option, value in pixels.items()}
        try:
            known["character"] = Setting(Charset(published.characters).characters, source)
        except CharsetError as error:  # two of EasyOCR's own lists repeat characters
            notes.append(f"EasyOCR's list for {published.name} cannot be used: {error}")
    else:
        known, notes = sidecars.read_beside(path, network)
    shapes = {
        option: Setting(value, network.evidence.get(option, "its shapes"))
        for option, value in network.options().items()
    }
    return known | shapes, notes


def _published(digest: str) -> PublishedNetwork | None:
    everything = {**easyocr_catalog.recognisers(), **easyocr_catalog.detectors()}
    return next((network for network in everything.values() if network.md5 == digest), None)
