"""Put the weights of a file into a network, all of them, or say what came over and what did not.

Strictly, when a run goes on with the same network. As a transfer, when fine-tuning changes the
characters or the head: every row of the head is moved by its character, never by its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dtrb.charset import Charset
from dtrb.checkpoints.agreement import Agreement
from dtrb.checkpoints.files import Checkpoint
from dtrb.errors import CheckpointError, counted
from dtrb.models.recognizer import Recognizer
from dtrb.stages import SPECIAL_CLASSES

# Of the tensors before the head, so many must fit: a network that starts from less is not fine-tuned.
LEAST_SHARE = 0.9

# The head's tensors that have a row, or a column, for each class.
CLASS_ROWS = (
    "Prediction.weight",
    "Prediction.bias",
    "Prediction.generator.weight",
    "Prediction.generator.bias",
)
CLASS_COLUMNS = "Prediction.attention_cell.rnn.weight_ih"  # after the columns for the context
TABLES = ("Transformation.GridGenerator.P_hat", "Transformation.GridGenerator.inv_delta_C")


@dataclass(frozen=True)
class TransferReport:
    """What a network got from a file."""

    total: int  # tensors of the network
    loaded: int  # of these, from the file (rows of the head included)
    rows_kept: int = 0
    rows_new: int = 0
    rows_dropped: int = 0
    rows_moved: int = 0
    new_head: bool = False
    rebuilt: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = (
            "new (nothing of the file's fits)"
            if self.new_head
            else f"{self.rows_kept:,} rows kept, {self.rows_new:,} new, {self.rows_dropped:,} dropped"
        )
        lines = [f"{self.loaded}/{self.total} tensors loaded; head: {head}"]
        if self.rows_moved:
            lines.append(f"{self.rows_moved:,} rows moved to another class, by character")
        if self.rebuilt:
            lines.append(f"rebuilt for the image size: {', '.join(self.rebuilt)}")
        if self.unmatched:
            lines.append(f"not in the file, so new: {', '.join(self.unmatched)}")
        return "\n".join(lines)


def start(agreement: Agreement) -> tuple[Recognizer, TransferReport | None]:
    """Build the network that was agreed on and give it its first weights."""
    run, checkpoint = agreement.run, agreement.checkpoint
    torch.manual_seed(run.train.manualSeed)
    model = Recognizer(run.model)
    if checkpoint is None:
        return model, None
    if run.train.FT:
        return model, transfer(model, checkpoint, agreement.before)
    return model, load_strictly(model, checkpoint)


def load_strictly(model: Recognizer, checkpoint: Checkpoint) -> TransferReport:
    """Load every tensor as it is; the file must hold exactly this network."""
    own = model.state_dict()
    wrong = [
        f"{key} is {_shape(checkpoint.tensors, key)} in the file, {_shape(own, key)} in the network"
        for key in {**own, **checkpoint.tensors}
        if _shape(own, key) != _shape(checkpoint.tensors, key)
    ]
    wrong += [
        f"{key} is that of another image size"
        for key in TABLES
        if key in own and not wrong and not _is_same_table(checkpoint.tensors[key], own[key])
    ]
    if wrong:
        raise CheckpointError(checkpoint.name, f"{counted(wrong)}; pass --FT to transfer what fits")
    model.load_state_dict(checkpoint.tensors)
    return TransferReport(total=len(own), loaded=len(own), rows_kept=model.config.num_class)


def transfer(model: Recognizer, checkpoint: Checkpoint, before: Charset | None) -> TransferReport:
    """Load what fits. `before` are the characters of the file's classes, None when nobody knows them."""
    own = model.state_dict()
    file = {key: tensor.to(own[key].dtype) for key, tensor in checkpoint.tensors.items() if key in own}
    body = [key for key in own if not key.startswith("Prediction.")]
    fitting = {key: file[key] for key in body if _shape(file, key) == _shape(own, key)}
    rebuilt = [key for key in TABLES if key in own and not _is_same_table(fitting.get(key), own[key])]
    for key in rebuilt:
        fitting.pop(key, None)
    unmatched = [key for key in body if key not in fitting and key not in rebuilt]
    if len(unmatched) > (1 - LEAST_SHARE) * len(body):
        raise CheckpointError(
            checkpoint.name,
            f"only {len(fitting)} of the {len(body)} tensors before the head fit this network, "
            f"and at least {LEAST_SHARE:.0%} must; the first that does not is {unmatched[0]}: "
            f"{_shape(file, unmatched[0])} in the file, {_shape(own, unmatched[0])} here",
        )

    head: dict[str, Tensor] = {}
    sources: list[int | None] = []  # for each class, the class of the file that it comes from
    if before is not None and _is_same_head(own, file):
        specials = SPECIAL_CLASSES[model.config.Prediction]
        sources = [*range(specials), *_places(before, model.config.charset, specials)]
        head = _head(own, file, sources, specials)
    model.load_state_dict({**own, **fitting, **head})

    kept = [source for source in sources if source is not None]
    return TransferReport(
        total=len(own),
        loaded=len(fitting) + len(head),
        rows_kept=len(kept),
        rows_new=model.config.num_class - len(kept),
        rows_dropped=checkpoint.network.num_class - len(kept),
        rows_moved=sum(source is not None and source != place for place, source in enumerate(sources)),
        new_head=not head,
        rebuilt=tuple(rebuilt),
        unmatched=tuple(unmatched),
    )


def _is_same_table(table: Tensor | None, own: Tensor) -> bool:
    """Compare values too: 32×100 and 64×50 have as many points, and other ones."""
    return table is not None and torch.allclose(table, own, rtol=1e-3, atol=1e-3)


def _is_same_head(own: Mapping[str, Tensor], file: Mapping[str, Tensor]) -> bool:
    """Say whether the heads are of one kind and size, whatever the number of their classes."""

    def sizes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        head = {key: tensor for key, tensor in tensors.items() if key.startswith("Prediction.")}
        return {
            key: tensor.shape[1:]
            if key in CLASS_ROWS
            else tensor.shape[:1]
            if key == CLASS_COLUMNS
            else tensor.shape
            for key, tensor in head.items()
        }

    return sizes(own) == sizes(file)


def _places(before: Charset, after: Charset, specials: int) -> list[int | None]:
    return [before.position[c] + specials if c in before else None for c in after]


def _head(
    own: Mapping[str, Tensor], file: Mapping[str, Tensor], sources: Sequence[int | None], specials: int
) -> dict[str, Tensor]:
    """Move the head's rows (and the decoder's columns) by class; the rest of the head comes as it is."""
    head: dict[str, Tensor] = {}
    for key in own:
        if not key.startswith("Prediction."):
            continue
        if key in CLASS_ROWS:
            head[key] = _moved(own[key], file[key], sources, specials)
        elif key == CLASS_COLUMNS:
            context = own[key].size(1) - len(sources)
            columns = _moved(own[key][:, context:].t(), file[key][:, context:].t(), sources, specials).t()
            head[key] = torch.cat([file[key][:, :context], columns], dim=1)
        else:
            head[key] = file[key]
    return head


def _moved(own: Tensor, file: Tensor, sources: Sequence[int | None], specials: int) -> Tensor:
    """Take each row from its source; a new row starts as the mean of the characters that were kept.

    A mean of logits is never above the best of them: until the network learns its new characters it
    reads exactly what it read before. A little noise tells the new rows apart. With hardly a character
    kept there is no such mean, and the new rows stay as the network was initialised.
    """
    moved = own.clone()
    kept = file[[source for source in sources[specials:] if source is not None]]
    if len(kept) > 1:
        noise = torch.randn(own.shape, dtype=own.dtype) * kept.std(dim=0) * 0.01
        moved = kept.mean(dim=0) + noise
    for place, source in enumerate(sources):
        if source is not None:
            moved[place] = file[source]
    return moved


def _shape(tensors: Mapping[str, Tensor], key: str) -> str:
    return "×".join(map(str, tensors[key].shape)) or "one number" if key in tensors else "missing"
