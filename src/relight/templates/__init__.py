"""How we say it: template environment, rendering, locales and the checks on a template's content."""

from relight.templates.bodies import CompiledBody, compile_bodies
from relight.templates.letters import CompiledLetter, Rendered, RenderPolicy, RenderRefusal, compile_letters
from relight.templates.lint import lint_letters
from relight.templates.samples import sample_letter
from relight.templates.scan import LetterScan, scan_letters
from relight.templates.scan_source import Expression, Read

__all__ = [
    "CompiledBody",
    "CompiledLetter",
    "Expression",
    "LetterScan",
    "Read",
    "RenderPolicy",
    "RenderRefusal",
    "Rendered",
    "compile_bodies",
    "compile_letters",
    "lint_letters",
    "sample_letter",
    "scan_letters",
]
