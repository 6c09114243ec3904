"""stub"""

from dataclasses import dataclass, field
from relight.templates.sandbox import LetterEnvironment


@dataclass
class Pages:
    environments: dict
    problems: list = field(default_factory=list)


def inline_sources(scan):
    env = LetterEnvironment(scan.sources, escapes=True, root=scan.root)
    return Pages({p: env for p in scan.sources})
