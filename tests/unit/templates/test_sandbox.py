"""The sandbox: what a template cannot reach, and what cannot grow."""

from __future__ import annotations

import pytest

from tests.unit.templates.letters_kit import Customer, compile_sources, letter, refused, rendered

ESCAPES = [
    "{{ ''.__class__ }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ customer.__class__ }}",
    "{{ customer['__class__'] }}", "{{ customer.reading }}", "{{ customer.look }}", "{{ customer.traits }}",
    "{{ customer.count.view }}", "{{ customer.count.__globals__ }}", "{{ self.__init__.__globals__ }}",
    "{{ entry.values }}", "{{ cycler.__init__ }}", "{{ lipsum }}", "{{ joiner }}", "{{ namespace() }}", "{{ dict() }}",
    "{{ ''.format }}", "{{ '{0.__class__}'.format(1) }}", "{{ ''.format_map({}) }}", "{{ 'x'.encode() }}",
    "{{ ()|attr('__class__') }}", "{{ []|map(attribute='__class__')|list }}", "{{ 1 .real }}", "{{ [].append(1) }}",
    "{{ {}.update({'a': 1}) }}", "{% set x = {} %}{{ x.__setitem__('a', 1) }}", "{{ 'x'|safe }}",
]  # fmt: skip


@pytest.mark.parametrize("source", ESCAPES)
def test_the_sandbox_holds(source: str) -> None:
    """Attribute tricks, dropped globals and filters, and views' insides end in a refusal."""
    try:
        found = refused(letter(source))
    except KeyError:  # it did not compile, so there is no letter
        return
    assert found.reason in {"missing_data", "template_error"}


BOMBS = [
    "{{ 'a' * 10**8 }}", "{{ 'a' * 100000000 }}", "{{ [1] * 100000000 }}", "{{ '%099999999d' % 1 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 'a'.ljust(10000000) }}", "{{ 'a'.zfill(10000000) }}", "{{ '{:>9999999}'.format(1) }}",
    "{{ 'a'|center(10000000) }}", "{{ 'a'|indent(10000000) }}", "{{ []|batch(10000000, 1)|list }}",
    "{{ []|slice(10000000)|list }}", "{{ '%9999999d'|format(1) }}", "{{ 'a'|wordwrap(1) }}", "{{ 1|filesizeformat }}",
    "{% for i in range(100000000) %}x{% endfor %}", "{{ range(10000000)|list|length }}",
    "{% for i in range(1000) %}" * 3 + "{% endfor %}" * 3,
    "{% for i in range(1000) %}{% for j in range(1000) %}x{% endfor %}{% endfor %}",
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = [x, x]|join %}" * 40 + "{{ x }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x|replace('a', 'aa') %}" * 40 + "{{ x }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40 + "{{ x }}",
    "{% set x = [1] %}" + "{% set x = x + x %}" * 40 + "{{ x|length }}",
    "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
    "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x|string|length }}",
    "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x|upper|length }}",
    "{% set x = [[1]] %}" + "{% set x = [x, x]|sum(start=[]) %}" * 40 + "{{ x|length }}",
    "{% set x = 99999999 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
    "{{ 1.5|round(100000000) }}", "{{ 1.5|number(100000000) }}", "{{ 0|date('y' * 100000) }}",
    "{% include 'hello/body.html' %}",
]  # fmt: skip


@pytest.mark.parametrize("source", BOMBS)
def test_bombs_stop(source: str) -> None:
    """What would take all memory or time ends in template_error, or does not compile."""
    try:
        found = refused(letter(source))
    except KeyError:
        return
    assert found.reason == "template_error"


def test_the_size_of_each_part_is_capped() -> None:
    """A page over 256 kB, a text over 64 kB refuses while it streams."""
    page = "{% for i in range(900) %}" + "x" * 400 + "{% endfor %}"
    assert refused(letter(page)).reason == "template_error"
    assert refused(letter(text="{% for i in range(200) %}" + "x" * 400 + "{% endfor %}")).reason == "template_error"
    assert len(rendered(letter("{% for i in range(600) %}" + "x" * 400 + "{% endfor %}")).html) == 240_000


def test_one_bad_letter_leaves_the_others_alone() -> None:
    """A letter that fails refuses itself; its neighbour renders before and after."""
    sources = letter("{% for i in range(9999999) %}{% endfor %}") | {
        "good/subject.txt": "s", "good/body.html": "fine", "broken/subject.txt": "s", "broken/body.html": "{% if %}",
    }  # fmt: skip
    letters = compile_sources(sources)
    assert set(letters) == {"hello", "good"}
    for name, failed in (("good", False), ("hello", True), ("good", False)):
        assert hasattr(letters[name].render(Customer(), {}), "reason") is failed


def test_loops_keep_their_powers() -> None:
    """Counting does not take `loop` away."""
    made = rendered(
        letter("{% for x in ['a', 'b'] %}{{ loop.index }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}")
    )
    assert made.html == "1a,2b"
