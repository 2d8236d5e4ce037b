"""Bring what was said and what a file of weights knows to one configuration, or say what keeps them apart.

The file is looked at before any data: a wrong file, a wrong size or a lost character shows in seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dtrb import charset
from dtrb.charset import Charset, abridged
from dtrb.checkpoints.files import Checkpoint, read_recogniser
from dtrb.config import DEFAULT_CHARACTERS, MODEL_OPTIONS, OPTIONS, SENSITIVE_CHARACTERS, RunConfig, shown
from dtrb.errors import CharsetError, ConfigError, DtrbError
from dtrb.settings import Setting, Settings

# With another value of these it is another network, and nothing makes that right.
ARCHITECTURE = (
    "Transformation",
    "FeatureExtraction",
    "SequenceModeling",
    "input_channel",
    "output_channel",
    "hidden_size",
    "num_fiducial",
)
# These may change, but then it is a transfer: --FT.
TRANSFERABLE = ("Prediction", "geometry", "imgH", "PAD")


@dataclass(frozen=True)
class Agreement:
    run: RunConfig
    checkpoint: Checkpoint | None
    before: Charset | None  # the characters of the file's classes; None: nobody knows them
    sources: Mapping[str, str]  # option -> who said it
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Characters:
    """What the classes stand for in the network to be, and in the file it comes from."""

    after: Charset
    before: Charset | None
    source: str


def agree(settings: Settings, data_characters: Callable[[Settings], Iterable[str]]) -> Agreement:
    """Settle every option, or raise one error that holds everything that is wrong."""
    checkpoint, problems = None, [*settings.problems]
    if settings.get("saved_model"):
        try:
            checkpoint = read_recogniser(settings.get("saved_model"))
            problems += contradictions(settings, checkpoint)
        except DtrbError as error:
            problems.append(f"--saved_model {error}")
    known = dict(checkpoint.known) if checkpoint else {}
    unreadable = settings.get("saved_model") and not checkpoint  # then nobody knows what it would have said
    problems += settings.missing(MODEL_OPTIONS if unreadable else known)
    problems += settings.clashes(known)

    characters = None
    reads_data = "data" in str(settings.get("character")).split("+")
    if not unreadable and not (problems and reads_data):
        try:
            characters = settle_characters(settings, checkpoint, data_characters)
        except DtrbError as error:
            problems.append(str(error))
    if problems:
        hint = f"python -m dtrb inspect {checkpoint.name}\n  {checkpoint.description}" if checkpoint else ""
        raise ConfigError(f"{settings.command}.py cannot start", problems, hint)

    assert characters is not None
    settled = Setting(characters.after.characters, characters.source)
    run = settings.saying("character", settled).build(known)
    sources = dict.fromkeys(known, checkpoint.path.name) if checkpoint else {}
    sources |= {name: setting.source for name, setting in settings.said.items()}
    sources["character"] = characters.source
    notes = _notes(settings, run, checkpoint, characters)
    return Agreement(run, checkpoint, characters.before, sources, tuple(notes))


def contradictions(settings: Settings, checkpoint: Checkpoint) -> list[str]:
    """List what was said that the file cannot be made to fit."""
    problems = []
    fine_tune = settings.get("FT")
    for option in (*ARCHITECTURE, *TRANSFERABLE):
        said, known = settings.said.get(option), checkpoint.known.get(option)
        if option == "input_channel" and settings.get("rgb"):
            said = Setting(3, settings.said["rgb"].source)
        if said is None or known is None or said.value == known.value:
            continue
        if option in TRANSFERABLE and fine_tune:
            continue
        mend = f"pass --{option} {shown(option, known.value)}, or leave it out"
        if said.source == "--rgb":
            mend = "leave --rgb out"
        if option in TRANSFERABLE and settings.command == "train":
            mend += ", or pass --FT to fine-tune with the change"
        problems.append(
            f"{option}: {said.source} says {shown(option, said.value)}, {checkpoint.name} has "
            f"{shown(option, known.value)} ({known.source}); {mend}"
        )
    problems += _other_tps_size(settings, checkpoint)
    return problems


def _other_tps_size(settings: Settings, checkpoint: Checkpoint) -> list[str]:
    points = checkpoint.network.tps_points
    height, width = (
        settings.said.get(name, checkpoint.known.get(name, Setting(OPTIONS[name].default, ""))).value
        for name in ("imgH", "imgW")
    )
    if points is None or settings.get("FT") or height * width == points:
        return []
    return [
        f"imgH × imgW: {height}×{width} is {height * width:,} points, the TPS of {checkpoint.name} has "
        f"{points:,}; pass the --imgH and --imgW that it was trained with, or --FT to rebuild its tables"
    ]


def settle_characters(
    settings: Settings, checkpoint: Checkpoint | None, data_characters: Callable[[Settings], Iterable[str]]
) -> Characters:
    """Find which characters the network shall write, and which the file's classes are."""

    def of_checkpoint() -> Charset:
        if checkpoint is None:
            raise CharsetError("--character checkpoint", "needs a --saved_model to take the characters from")
        if checkpoint.charset is None:
            raise CharsetError("--character checkpoint", _unknown_characters(checkpoint))
        return checkpoint.charset

    said = settings.said.get("character")
    own = checkpoint.charset if checkpoint else None
    if said is not None:
        after = charset.resolve(said.value, of_checkpoint, lambda: data_characters(settings))
        source = said.source
    elif own is not None and checkpoint is not None:
        after, source = own, checkpoint.path.name
    elif settings.get("sensitive"):
        after, source = Charset(SENSITIVE_CHARACTERS), "--sensitive"
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
    same_head = _keeps_head(settings, checkpoint)
    if same_head and source != "default" and len(after) == checkpoint.network.num_character:
        return after
    new_head = not same_head or settings.get("charset_change") == "replace"
    if settings.get("FT") and new_head:
        return None
    raise CharsetError(checkpoint.name, _unknown_characters(checkpoint))


def _unknown_characters(checkpoint: Checkpoint) -> str:
    count = checkpoint.network.num_character
    guess = {
        len(DEFAULT_CHARACTERS): f"--character {DEFAULT_CHARACTERS} (clova's default)",
        len(SENSITIVE_CHARACTERS): "--sensitive (clova's 94 characters)",
    }.get(count, "--character")
    return (
        f"nobody says which {count:,} characters its {checkpoint.network.num_class:,} classes are, and a "
        "wrong guess reads confident nonsense; put the opt.txt or yaml of its training beside it, or pass "
        f"{guess} with exactly these characters in class order, or start with a new head: "
        "--FT --charset_change replace"
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
        return (
            f"{change}; to keep them all pass --character checkpoint+{settings.get('character')}, "
            f"to lose {abridged(change.lost)} pass --charset_change replace"
        )
    if change.added and allowed == "fail":
        return f"{change}; --charset_change fail allows no new characters, pass --charset_change grow"
    return None


def _keeps_head(settings: Settings, checkpoint: Checkpoint) -> bool:
    said = settings.said.get("Prediction")
    return said is None or said.value == checkpoint.network.Prediction


def _notes(
    settings: Settings, run: RunConfig, checkpoint: Checkpoint | None, characters: Characters
) -> list[str]:
    """Say what the user might not expect."""
    notes: list[str] = []
    if checkpoint:
        notes += checkpoint.notes
        for option in ("geometry", "imgH", "PAD"):
            value, known = getattr(run.model, option), checkpoint.known.get(option)
            if known and value != known.value:
                notes.append(
                    f"{option} changes from {known.value} to {value} ({settings.said[option].source})"
                )
        if run.model.geometry == "easyocr" and "geometry" not in settings.said and not checkpoint.metadata:
            notes.append(
                "this is a network of EasyOCR: images are prepared exactly as there (--geometry easyocr)"
            )
        if checkpoint.charset is None and characters.before:
            notes.append(f"the characters of {checkpoint.name} are taken from {characters.source}, on trust")
        if characters.before and characters.before.changed_to(characters.after):
            notes.append(str(characters.before.changed_to(characters.after)))
    if characters.after.lowers_labels:
        notes.append("labels will be lower-cased: the characters hold lower case and no upper case")
    if run.train.baiduCTC:
        notes.append("--baiduCTC is accepted for old command lines; torch's CTC is used")
    return notes
