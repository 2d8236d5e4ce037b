"""Which characters the classes stand for: in the file of weights, and in the network to be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dtrb import charset
from dtrb.charset import Charset, abridged
from dtrb.checkpoints.files import Checkpoint
from dtrb.config import DEFAULT_CHARACTERS, SENSITIVE_CHARACTERS
from dtrb.errors import CharsetError
from dtrb.settings import Settings

SHIPPED_PROFILES = ("korean_g2", "english_g2")


@dataclass(frozen=True)
class Characters:
    after: Charset  # of the network to be
    before: Charset | None  # of the file; None: nobody knows, or there is no file
    source: str  # who said `after`


def asks_for_more(settings: Settings) -> bool:
    """Say whether the characters are those of the weights or of the data, not only what was typed."""
    names, _ = charset.split_names(str(settings.get("character")))
    return "checkpoint" in names or "data" in names


def settle_characters(
    settings: Settings, checkpoint: Checkpoint | None, data_characters: Callable[[Settings], Iterable[str]]
) -> Characters:
    """Find which characters the network shall write, and which the file's classes are."""

    def of_checkpoint() -> Charset:
        if checkpoint is None:
            raise CharsetError("--character checkpoint", "needs a --saved_model to take the characters from")
        if checkpoint.charset is None:
            raise CharsetError("--character checkpoint", _unknown_characters(settings, checkpoint))
        return checkpoint.charset

    said = settings.said.get("character")
    own = checkpoint.charset if checkpoint else None
    if said is not None:
        after = charset.resolve(said.value, said.source, of_checkpoint, lambda: data_characters(settings))
        source = said.source
    elif settings.get("sensitive") and (own is None or own.lowers_labels):
        after, source = Charset(SENSITIVE_CHARACTERS), "--sensitive"
    elif own is not None and checkpoint is not None:
        after, source = own, checkpoint.known["character"].source
    else:
        after, source = Charset(DEFAULT_CHARACTERS), "default"

    if checkpoint is None:
        return Characters(after, None, source)
    if own is None:
        return Characters(after, _trusted_characters(settings, checkpoint, after, source), source)
    problem = _forbidden_change(settings, checkpoint, own, after)
    if problem:
        raise CharsetError(f"character: {source} and {checkpoint.name} differ", problem)
    return Characters(after, own, source)


def _trusted_characters(
    settings: Settings, checkpoint: Checkpoint, after: Charset, source: str
) -> Charset | None:
    """Decide what a file's classes are when the file does not say: what the user says, if it fits."""
    keeps_head = _keeps_head(settings, checkpoint)
    if settings.get("FT") and (not keeps_head or settings.get("charset_change") == "replace"):
        return None
    if keeps_head and source != "default" and len(after) == checkpoint.network.num_character:
        return after
    raise CharsetError(checkpoint.name, _unknown_characters(settings, checkpoint))


def _unknown_characters(settings: Settings, checkpoint: Checkpoint) -> str:
    """Say what would tell which characters the classes are, the likeliest first."""
    count = checkpoint.network.num_character
    mends = ["put the opt.txt or yaml of its training beside it"]
    if count == len(DEFAULT_CHARACTERS):
        mends.append(f"pass --character {DEFAULT_CHARACTERS} if it was trained with clova's default")
    if count == len(SENSITIVE_CHARACTERS):
        mends.append("pass --sensitive if it was trained with clova's 94 characters")
    for name in checkpoint.network.easyocr_names:
        profile = f"--config configs/{name}.yaml"
        flags = f"--character easyocr:{name} --geometry easyocr --imgH 64 --imgW 600 --PAD"
        mends.append(
            f"pass {profile if name in SHIPPED_PROFILES else flags} if it was fine-tuned from {name}"
        )
    mends.append("pass --character with exactly these characters in class order")
    if settings.command == "train":
        mends.append("pass --FT --charset_change replace to start with a new head")
    return "; ".join(
        [
            f"the file does not record which {count:,} characters its {checkpoint.network.num_class:,} "
            "classes stand for, and a wrong guess would read fluent nonsense",
            *checkpoint.notes,
            ", or ".join(mends),
        ]
    )


def _forbidden_change(
    settings: Settings, checkpoint: Checkpoint, before: Charset, after: Charset
) -> str | None:
    change = before.changed_to(after)
    allowed = settings.get("charset_change")
    if not change:
        return None
    if not settings.get("FT"):
        if settings.command == "train":
            return f"{change}; pass --character checkpoint to keep them, or --FT to fine-tune with the change"
        return f"{change}; leave --character out, the checkpoint knows its own"
    if not _keeps_head(settings, checkpoint):
        return None  # a new head has no rows to keep
    if change.lost and allowed != "replace":
        names, _ = charset.split_names(str(settings.get("character")))
        more = "+".join(names) or "MORE.txt, with the new characters in that file"
        return (
            f"{change}; to keep them all pass --character checkpoint+{more}; "
            f"to lose {abridged(change.lost)} pass --charset_change replace"
        )
    if change.added and allowed == "fail":
        return f"{change}; --charset_change fail allows no new characters, pass --charset_change grow"
    return None


def _keeps_head(settings: Settings, checkpoint: Checkpoint) -> bool:
    said = settings.said.get("Prediction")
    return said is None or said.value == checkpoint.network.Prediction
