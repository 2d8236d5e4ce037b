"""Read flat YAML as the text that stands there.

YAML's own types are a trap for characters and options: it reads 0123 as 83, yes as true, 1e-3 as a
word and the second of two equal keys as the only one. Here a value is its text, and what the text
means is the business of whoever declared the option.
"""

from dataclasses import dataclass
from pathlib import Path

from dtrb.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Entry:
    name: str
    value: str | list[str] | None  # None: something nested
    line: int


def read(path: Path) -> list[Entry]:
    """Give the lines of a mapping in order, repeated names included."""
    import yaml  # here, so that --help does not pay for it

    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        near = did_you_mean(path.name, [one.name for one in path.parent.glob("*.yaml")])
        raise ConfigError(str(path), f"there is no such file{near}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read as UTF-8 text: {error}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}", f"is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ConfigError(str(path), f"is not YAML: {error}") from None
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:{root.start_mark.line + 1}", "expected lines of `option: value`")

    entries = []
    for key, node in root.value:
        value: str | list[str] | None = None
        if isinstance(node, yaml.ScalarNode):
            value = node.value
        elif isinstance(node, yaml.SequenceNode) and all(isinstance(n, yaml.ScalarNode) for n in node.value):
            value = [one.value for one in node.value]
        entries.append(Entry(str(key.value), value, key.start_mark.line + 1))
    return entries
