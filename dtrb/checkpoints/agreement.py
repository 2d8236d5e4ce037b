"""Bring what was said and what a file of weights knows to one configuration, or say what keeps them apart.

The file is looked at before any data: a wrong file, a wrong size or a lost character shows in seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dtrb.charset import Charset
from dtrb.checkpoints.characters import Characters, asks_for_more, settle_characters
from dtrb.checkpoints.files import Checkpoint, read_recogniser
from dtrb.config import MODEL_OPTIONS, OPTIONS, RunConfig, shown
from dtrb.errors import ConfigError, DtrbError
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
    problems += settings.clashes()

    characters = None
    if not (unreadable or problems) or not asks_for_more(settings):  # files and data come last
        try:
            characters = settle_characters(settings, checkpoint, data_characters)
        except DtrbError as error:
            problems.append(str(error))
    if problems:
        name = settings.get("saved_model")
        hint = (
            f"{name} is: {checkpoint.description} (more: python -m dtrb inspect {name})" if checkpoint else ""
        )
        raise ConfigError(f"{settings.command}.py cannot start", problems, hint)

    assert characters is not None
    settled = Setting(characters.after.characters, characters.source)
    run = settings.saying("character", settled).build(known)
    sources = {name: setting.source for name, setting in {**known, **settings.said}.items()}
    if checkpoint:  # the tensor that shows it is for `inspect` and for refusals
        sources |= dict.fromkeys(
            checkpoint.network.options().keys() - settings.said.keys(), checkpoint.path.name
        )
    sources["character"] = characters.source
    notes = _notes(settings, run, checkpoint, characters)
    return Agreement(run, checkpoint, characters.before, sources, tuple(notes))


def contradictions(settings: Settings, checkpoint: Checkpoint) -> list[str]:
    """List what was said that the file cannot be made to fit."""
    problems = []
    fine_tune = settings.get("FT")
    for option in (*ARCHITECTURE, *TRANSFERABLE):
        said, known = settings.said.get(option), checkpoint.known.get(option)
        if option == "input_channel" and "rgb" in settings.said:
            said = Setting(3 if settings.get("rgb") else 1, settings.said["rgb"].source)
        if said is None or known is None or said.value == known.value:
            continue
        if option in TRANSFERABLE and fine_tune:
            continue
        mend = f"pass --{option} {shown(option, known.value)}, or leave it out"
        if "rgb" in settings.said and said.source == settings.said["rgb"].source:
            mend = "leave rgb out"
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
    mend = "pass the --imgH and --imgW that it was trained with"
    if settings.command == "train":
        mend += ", or --FT to rebuild its tables"
    return [
        f"imgH × imgW: {height}×{width} is {height * width:,} points, the TPS of {checkpoint.name} has "
        f"{points:,}; {mend}"
    ]


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
                "this is a network of EasyOCR: images are prepared as EasyOCR does it (--geometry easyocr)"
            )
        if not {"imgH", "imgW"} & (checkpoint.known.keys() | settings.said.keys()):
            notes.append(
                f"the file does not record how its images were prepared, and nobody said it: "
                f"{run.model.imgH}×{run.model.imgW}, --geometry {run.model.geometry}, as in clova's benchmark"
            )
        if checkpoint.charset is None and characters.before:
            notes.append(f"the characters of {checkpoint.name} are taken from {characters.source}, on trust")
        if characters.before and characters.before.changed_to(characters.after):
            notes.append(str(characters.before.changed_to(characters.after)))
    if characters.after.lowers_labels and settings.command != "run":
        notes.append("labels will be lower-cased: the characters hold lower case and no upper case")
    if run.train.baiduCTC:
        notes.append("--baiduCTC is accepted for old command lines; torch's CTC is used")
    return notes
