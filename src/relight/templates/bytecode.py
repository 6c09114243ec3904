"""Code generated of a template once: the scan learns from it which names are undeclared, rendering runs it.

Jinja's own `meta.find_undeclared_variables` generates the code of a template for its names alone and throws it away.
"""

from __future__ import annotations

import io
from types import CodeType
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2.compiler import CodeGenerator

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.bccache import Bucket
    from jinja2.compiler import Frame


class TrackingGenerator(CodeGenerator):
    """Jinja's code generator, which also notes the names that a template looks up in what it is given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.undeclared: set[str] = set()

    def enter_frame(self, frame: Frame) -> None:
        """Note what the frame resolves, as `meta.TrackingCodeGenerator` does."""
        super().enter_frame(frame)
        for action, name in frame.symbols.loads.values():
            if action == "resolve" and name is not None and name not in self.environment.globals:
                self.undeclared.add(name)


class MemoryBytecode(jinja2.BytecodeCache):
    """Compiled code of templates that were read in this process; an environment given it compiles none of them again.

    Kept by name, source and whether the environment escapes, which is part of the generated code.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str, bool], CodeType] = {}

    def keep(self, environment: jinja2.Environment, name: str, file: str, source: str, code: CodeType) -> None:
        """Keep the code of a source that was compiled elsewhere."""
        bucket = self.get_bucket(environment, name, file, source)
        bucket.code = code
        self.dump_bytecode(bucket)

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket where its code is known."""
        bucket.code = self._codes.get(_key(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's code."""
        if bucket.code is not None:
            self._codes[_key(bucket)] = bucket.code


def _key(bucket: Bucket) -> tuple[str, str, bool]:
    return bucket.key, bucket.checksum, bool(bucket.environment.autoescape)


def generate(environment: jinja2.Environment, tree: nodes.Template, name: str, file: str) -> tuple[str, set[str]]:
    """Return the Python source of a parsed template, and the names it looks up in what it is given.

    Raises jinja2.TemplateAssertionError where the tree cannot be written as code, RecursionError where it is too deep.
    """
    python = io.StringIO()
    generator = TrackingGenerator(environment, name, file, python, optimized=environment.optimized)
    generator.visit(tree)
    return python.getvalue(), generator.undeclared
