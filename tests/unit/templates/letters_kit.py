"""A customer and a way to compile sources, for the tests of templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relight.base.kinds import UNKNOWN, Kind
from relight.base.problems import Place
from relight.rules.plan import Condition
from relight.streams.schema import PropertyType
from relight.templates import CompiledLetter, Rendered, RenderPolicy, RenderRefusal, compile_letters, scan_letters

TRAITS = {
    "first_name": PropertyType(kind=Kind.TEXT),
    "city": PropertyType(kind=Kind.TEXT),
    "site": PropertyType(kind=Kind.URL),
    "locale": PropertyType(kind=Kind.LOCALE),
    "trial_ends_at": PropertyType(kind=Kind.TIME),
}
POLICY = RenderPolicy(
    project="Tide", zone="Europe/Istanbul", locale="en", currency="TRY",
    sender={"name": "Defne", "postal_address": "Kordon 101, İzmir", "identity": "Kordon 101, İzmir"},
    base_url="https://mail.tide.example",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    traits: Mapping[str, object] = field(default_factory=dict)
    customer: str = "c1"
    zone: str = "Europe/Istanbul"
    entry: Mapping[str, object] | None = None
    event: Mapping[str, object] | None = None

    def trait(self, name: str, /) -> object:
        return self.traits.get(name, UNKNOWN)


def compile_sources(
    sources: Mapping[str, str], answers: Mapping[str, object] | None = None
) -> Mapping[str, CompiledLetter]:
    scan = scan_letters(sources)
    expressions = {text: answer(text, value) for text, value in (answers or {}).items()}
    letters, _ = compile_letters(scan, expressions=expressions, policy=POLICY, traits=TRAITS)
    return letters


def answer(text: str, value: object) -> Condition:
    return Condition(text=text, place=Place(file="t"), evaluate=lambda _reading: value)


def letter(html: str = "<p>x</p>", *, subject: str = "s", text: str = "t", **more: str) -> dict[str, str]:
    parts = {"subject.txt": subject, "body.html": html, "body.txt": text, "preheader.txt": "p"}
    return {f"hello/{part}": source for part, source in parts.items()} | more


def render(
    sources: Mapping[str, str],
    traits: Mapping[str, object] | None = None,
    *,
    answers: Mapping[str, object] | None = None,
    extra: Mapping[str, object] | None = None,
    entry: Mapping[str, object] | None = None,
) -> Rendered | RenderRefusal:
    letters = compile_sources(sources, answers)
    return letters["hello"].render(Customer(traits=traits or {}, entry=entry), extra or {})


def rendered(sources: Mapping[str, str], traits: Mapping[str, object] | None = None, **more: object) -> Rendered:
    made = render(sources, traits, **more)  # type: ignore[arg-type]
    assert isinstance(made, Rendered), made
    return made


def refused(sources: Mapping[str, str], traits: Mapping[str, object] | None = None, **more: object) -> RenderRefusal:
    made = render(sources, traits, **more)  # type: ignore[arg-type]
    assert isinstance(made, RenderRefusal), made
    return made
