"""Read flat YAML as the text that stands there.

YAML's own types are a trap for characters and options: it reads 0123 as 83, yes as true, 1e-3 as a
word and the second of two equal keys as the only one. Here a value is its text, and what the text
means is the business of whoever declared the option.
"""

from dataclasses import dataclass
from pathlib import Path

from dtrb.errors import ConfigError
from dtrb.textfile import UnreadableError, read_text


@dataclass(frozen=True)
class Entry:
    name: str
    value: str | list[str] | None  # None: nothing, or something nested
    line: int


def read(path: Path) -> list[Entry]:
    """Give the lines of a mapping in order, repeated names included."""
    import yaml  # here, so that --help does not pay for it

    try:
        root = yaml.compose(read_text(path), Loader=yaml.SafeLoader)
    except UnreadableError as reason:
        raise ConfigError(str(path), str(reason)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}", f"is not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(str(path), f"is not YAML: {error}") from None
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode) or not all(
        isinstance(k, yaml.ScalarNode) for k, _ in root.value
    ):
        raise ConfigError(f"{path}:{root.start_mark.line + 1}", "expected lines of `option: value`")

    entries = []
    for key, node in root.value:
        value: str | list[str] | None = None
        if isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":null"):
            value = node.value
        elif isinstance(node, yaml.SequenceNode) and all(isinstance(n, yaml.ScalarNode) for n in node.value):
            value = [one.value for one in node.value]
        entries.append(Entry(key.value, value, key.start_mark.line + 1))
    return entries
