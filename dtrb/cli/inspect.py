"""Say what a file of weights is: python -m dtrb inspect FILE [--json]."""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtrb.checkpoints.files import Checkpoint


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m dtrb inspect", description=__doc__, allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", help="a .pth file, or easyocr:korean_g2")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options = parser.parse_args(argv)

    from dtrb.checkpoints.files import read  # torch: not before --help has been answered

    facts = gather(read(options.file))
    print(json.dumps(facts, ensure_ascii=False, indent=2) if options.json else report(facts))
    return 0


def gather(checkpoint: "Checkpoint") -> dict[str, Any]:
    """Give everything that is known, by plain names."""
    network = checkpoint.network if checkpoint.is_recogniser else None
    kinds = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in checkpoint.tensors.values()})
    charset = checkpoint.charset
    return {
        "file": str(checkpoint.path),
        "description": checkpoint.description,
        "recogniser": checkpoint.is_recogniser,
        "bytes": checkpoint.path.stat().st_size,
        "md5": checkpoint.md5,
        "tensors": len(checkpoint.tensors),
        "parameters_and_buffers": sum(tensor.numel() for tensor in checkpoint.tensors.values()),
        "dtypes": kinds,
        "key_prefix": checkpoint.prefix,
        "nested_in": checkpoint.nest,
        **{name: setting.value for name, setting in checkpoint.known.items()},
        "num_class": network.num_class if network else None,
        "num_character": network.num_character if network else None,
        "charset_fingerprint": charset.fingerprint if charset else None,
        "known_from": {name: setting.source for name, setting in checkpoint.known.items()},
        "metadata": {
            name: value for name, value in checkpoint.metadata.items() if name not in ("config", "tensors")
        },
        "notes": list(checkpoint.notes),
    }


def report(facts: Mapping[str, Any]) -> str:
    from dtrb.charset import Charset
    from dtrb.config import MODEL_OPTIONS, shown

    where = f"keys after {facts['key_prefix']!r}" if facts["key_prefix"] else "keys without prefix"
    where += f", in the entry {facts['nested_in']!r}" if facts["nested_in"] else ""
    numbers = f"{facts['parameters_and_buffers']:,} parameters and buffers of {', '.join(facts['dtypes'])}"
    lines = [
        f"{facts['file']}: {facts['description']}",
        f"  {facts['bytes']:,} bytes, md5 {facts['md5']}",
        f"  {facts['tensors']:,} tensors, {numbers}, {where}",
    ]
    known = [name for name in MODEL_OPTIONS if name in facts]
    for name in known:
        value = str(Charset(facts[name])) if name == "character" else shown(name, facts[name])
        lines.append(f"  {name:18} {value}   ({facts['known_from'][name]})")
    if facts["recogniser"]:
        lines.append(f"  {'num_class':18} {facts['num_class']:,}")
        if "character" not in facts:
            lines.append(
                f"  {'character':18} not known: {facts['num_character']:,} of them, and no record of which"
            )
    metadata = facts["metadata"]
    for name in ("iteration", "metrics", "data", "versions"):
        if metadata.get(name):
            lines.append(f"  {name:18} {json.dumps(metadata[name], ensure_ascii=False)}")
    lines += [f"  note: {note}" for note in facts["notes"]]
    return "\n".join(lines)
