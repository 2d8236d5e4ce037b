"""Read any file of weights for what it is; write our own so that it says what it is.

A file that we write is a bare state dict with `module.` before every key: clova's code and EasyOCR
load it as it is. What it says about itself rides in the state dict's own `_metadata`, under "dtrb",
in plain JSON types, which other programs do not look at and `weights_only=True` restores.
"""

import hashlib
import io
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
from dtrb.errors import CharsetError, CheckpointError, ConfigError, counted, printable
from dtrb.models.recognizer import Recognizer
from dtrb.settings import Setting

FORMAT = 1
FIELDS = {  # of the description, and their types
    "format": int,
    "config": dict,
    "iteration": int,
    "metrics": dict,
    "data": dict,
    "tensors": dict,
    "versions": dict,
    "checksum": str,
}
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
    state, nest, notes = _state_dict(name, _load(name, path))
    tensors, prefix = _without_prefix(state)
    metadata = _read_metadata(name, state, tensors)
    told = tell({key: tuple(tensor.shape) for key, tensor in tensors.items()})
    digest = md5(path)
    known: Mapping[str, Setting] = {}
    if isinstance(told, Network):
        _refuse_unusable_numbers(name, tensors)
        known, more = _what_is_known(name, path, digest, told, metadata)
        notes += more
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
    *,
    iteration: int = 0,
    metrics: Mapping[str, float] | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write a network (wrapped for several GPUs or compiled, or as it is), whole or not at all."""
    recogniser: Any = model
    while not isinstance(recogniser, Recognizer):
        recogniser = recogniser.module if hasattr(recogniser, "module") else recogniser._orig_mod
    plain: Any = recogniser.state_dict()
    state = OrderedDict((PREFIX + key, tensor) for key, tensor in plain.items())
    metadata = {
        "format": FORMAT,
        "config": asdict(recogniser.config),
        "iteration": iteration,
        "metrics": dict(metrics or {}),
        "data": dict(data or {}),
        "tensors": {key: checksum(tensor) for key, tensor in plain.items()},
        "versions": {
            "dtrb": dtrb.__version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
    }
    metadata = json.loads(json.dumps(metadata, allow_nan=False))  # plain types only: what may be loaded
    metadata["checksum"] = _text_checksum(metadata)
    versions = {f"{PREFIX}{key}".rstrip("."): value for key, value in plain._metadata.items()}
    state._metadata = OrderedDict({"": {"version": 1}, **versions, "dtrb": metadata})  # type: ignore[attr-defined]
    content = io.BytesIO()
    torch.save(state, content)
    try:
        with replacing(path) as aside:
            aside.write_bytes(content.getbuffer())
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
    text = json.dumps(rest, sort_keys=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _load(name: str, path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on odd pickles: they are refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything at all on damaged bytes
        raise CheckpointError(name, foreign.explain(path, error)) from None


def _state_dict(name: str, content: Any) -> tuple[Mapping[str, Tensor], str, list[str]]:
    """Find the network's tensors among whatever else a trainer kept; give where, and what to remark."""
    candidates = [(nest, content.get(nest)) for nest in NESTS] if isinstance(content, Mapping) else []
    for nest, state in [("", content), *candidates]:
        if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
            continue
        others = [key for key, value in state.items() if not isinstance(value, Tensor)]
        if len(others) == len(state) or any(isinstance(state[key], Mapping) for key in others):
            continue
        _refuse_odd_tensors(name, state)
        if not others:
            return state, nest, []
        tensors = OrderedDict((key, value) for key, value in state.items() if key not in others)
        tensors._metadata = getattr(state, "_metadata", {})  # type: ignore[attr-defined]
        return tensors, nest, [f"entries that are no tensors are left out: {counted(others)}"]
    found = counted(list(map(str, content))) if isinstance(content, Mapping) else type(content).__name__
    raise CheckpointError(name, f"no weights of a network in it (found: {found})")


def _refuse_odd_tensors(name: str, state: Mapping[str, Any]) -> None:
    odd = [
        f"{key} ({tensor.device.type}, {tensor.layout}, {tensor.dtype})"
        for key, tensor in state.items()
        if isinstance(tensor, Tensor)
        and (tensor.device.type != "cpu" or tensor.layout != torch.strided or tensor.is_quantized)
    ]
    if odd:
        raise CheckpointError(
            name, f"tensors that are quantised, sparse or empty of values cannot be used: {counted(odd)}"
        )


def _refuse_unusable_numbers(name: str, tensors: Mapping[str, Tensor]) -> None:
    wrong = [
        f"{key} is {tensor.dtype}"
        for key, tensor in tensors.items()
        if not (tensor.is_floating_point() or key.endswith("num_batches_tracked"))
    ]
    wrong += [
        f"{key} holds NaN or infinity"
        for key, tensor in tensors.items()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if wrong:
        raise CheckpointError(name, f"weights that are no finite numbers: {counted(wrong)}")


def _without_prefix(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    tensors, prefix = dict(state), ""
    while wrapper := next((w for w in WRAPPERS if all(key.startswith(w) for key in tensors)), ""):
        tensors = {key.removeprefix(wrapper): tensor for key, tensor in tensors.items()}
        prefix += wrapper
    return tensors, prefix


def _read_metadata(name: str, state: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read what a file of ours says about itself, and hold it to that."""
    attached = getattr(state, "_metadata", None)
    metadata = attached.get("dtrb") if isinstance(attached, Mapping) else None
    if metadata is None:
        return {}
    try:
        is_ours = isinstance(metadata, dict) and {one: type(metadata[one]) for one in FIELDS} == FIELDS
        is_ours = is_ours and metadata["iteration"] >= 0 and metadata["format"] >= 1
        is_whole = metadata["checksum"] == _text_checksum(metadata)
        made_by, recorded = printable(metadata["versions"]["dtrb"]), metadata["tensors"]
    except (TypeError, KeyError, IndexError, ValueError, RecursionError):
        is_ours = False
    if not is_ours:
        raise CheckpointError(name, "damaged: its description is not one that dtrb writes")
    if metadata["format"] > FORMAT:
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
            config = ModelConfig(**metadata["config"])
        except (TypeError, ConfigError) as error:
            raise CheckpointError(name, f"its description is not understood ({error}); update dtrb") from None
        record = asdict(config) | {"batch_max_length": config.longest_label}
        shape = network.options() | {"num_class": network.num_class}
        lies = [one for one, value in shape.items() if value != getattr(config, one)]
        if lies:
            raise CheckpointError(
                name, f"damaged: its description and its tensors differ in {', '.join(lies)}"
            )
        known = {option: Setting(value, f"{path.name}, its own record") for option, value in record.items()}
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
