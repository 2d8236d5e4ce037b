"""What train, test and run do first: settle the configuration, load the weights, and say so."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dtrb.charset import Charset
from dtrb.config import MODEL_OPTIONS, OPTIONS, shown
from dtrb.errors import ConfigError
from dtrb.settings import Settings, read_command_line

if TYPE_CHECKING:  # torch: not before --help has been answered
    from dtrb.checkpoints.agreement import Agreement
    from dtrb.checkpoints.transfer import TransferReport
    from dtrb.models.recognizer import Recognizer


def open_network(command: str, argv: Sequence[str]) -> "tuple[Agreement, Recognizer]":
    settings = read_command_line(command, argv)

    from dtrb.checkpoints.agreement import agree
    from dtrb.checkpoints.transfer import start

    agreement = agree(settings, characters_of_training_data)
    print(configuration_report(agreement, command))
    model, transfer = start(agreement)
    print(network_report(agreement, model, transfer))
    return agreement, model


def characters_of_training_data(settings: Settings) -> Iterable[str]:
    from dtrb.data import lmdb_store

    if settings.command != "train":
        raise ConfigError("--character data", "only train.py has training data; leave it out")
    return lmdb_store.characters(settings.get("train_data"), settings.get("select_data"))


def configuration_report(agreement: "Agreement", command: str) -> str:
    """List what describes the network, and all else that somebody said; each with who said it."""
    lines = ["configuration (what is not listed has its default):"]
    idle = (
        {"rgb", "sensitive"}
        if agreement.run.model.Transformation == "TPS"
        else {"rgb", "sensitive", "num_fiducial"}
    )
    for name, value in agreement.run.flat().items():
        option = OPTIONS[name]
        if (
            command not in option.commands
            or not option.in_profile
            or (name in idle and value == option.default)
        ):
            continue
        if name in MODEL_OPTIONS or name in agreement.sources or value != option.default:
            told = str(Charset(value)) if name == "character" else shown(name, value)
            lines.append(f"  {name:17}  {told}   ({agreement.sources.get(name, 'default')})")
    return "\n".join([*lines, *(f"note: {note}" for note in agreement.notes)])


def network_report(agreement: "Agreement", model: "Recognizer", transfer: "TransferReport | None") -> str:
    """Say what the network is and where its weights came from."""
    config, checkpoint = agreement.run.model, agreement.checkpoint
    count = sum(parameter.numel() for parameter in model.parameters())
    lines = [f"network: {config.stages}, {config.num_class:,} classes, {count:,} parameters"]
    if checkpoint is None:
        return "\n".join([*lines, "weights: new"])
    lines.append(f"weights: {checkpoint.name}")
    lines += [f"  {line}" for line in [checkpoint.description, *str(transfer).split("\n")]]
    return "\n".join(lines)
