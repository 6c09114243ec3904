"""Values by kind: what is taken, and what is refused."""

import datetime as dt
from decimal import Decimal

import pytest

from relight.base.kinds import Kind
from relight.streams.times import make_time_reader
from relight.streams.values import coercer_of, keep_value


def coerce(kind: Kind, value: object, values: tuple[str, ...] = ()) -> object:
    return coercer_of(kind, values, make_time_reader("UTC"))(value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.TEXT, "Ünï", "Ünï"),
        (Kind.TEXT, 5012, "5012"),
        (Kind.TEXT, Decimal("1.50"), "1.50"),
        (Kind.INTEGER, 3, 3),
        (Kind.INTEGER, "6.0", 6),
        (Kind.INTEGER, Decimal("6.0"), 6),
        (Kind.INTEGER, " -4 ", -4),
        (Kind.INTEGER, 2**63 - 1, 2**63 - 1),
        (Kind.NUMBER, Decimal("0.1"), Decimal("0.1")),
        (Kind.NUMBER, 0.1, Decimal("0.1")),
        (Kind.MONEY, "12.50", Decimal("12.50")),
        (Kind.MONEY, 7, Decimal(7)),
        (Kind.BOOLEAN, True, True),
        (Kind.BOOLEAN, "Yes", True),
        (Kind.BOOLEAN, "0", False),
        (Kind.TIME, "1970-01-01T00:00:01Z", 1_000_000),
        (Kind.DATE, "2026-03-01", dt.date(2026, 3, 1)),
        (Kind.DATE, "2026-03-01T23:00:00Z", dt.date(2026, 3, 1)),
        (Kind.DURATION, "3 days", 3 * 86_400_000_000),
        (Kind.EMAIL, "ada@shop.example", "ada@shop.example"),
        (Kind.EMAIL, " çiğdem@mağaza.example ", "çiğdem@mağaza.example"),
        (Kind.URL, "https://shop.example/a?b=c", "https://shop.example/a?b=c"),
        (Kind.TIMEZONE, "Europe/Istanbul", "Europe/Istanbul"),
        (Kind.LOCALE, "tr-TR", "tr-TR"),
        (Kind.LIST, ["a", 1, Decimal("1.5"), True], ("a", 1, Decimal("1.5"), True)),
        (Kind.LIST, "a; b", ("a", "b")),
    ],
)
def test_taken(kind: Kind, value: object, expected: object) -> None:
    """Each kind takes its values in JSON, and as text where CSV has nothing else."""
    found = coerce(kind, value)
    assert found == expected
    assert type(found) is type(expected)


BAD: dict[Kind, list[object]] = {
    Kind.TEXT: [True, [], {}, 2**63, "\ud800", Decimal("NaN")],
    Kind.INTEGER: ["3.5", 3.5, "x", True, 2**63, "1e40", [], Decimal("1e400000"), ""],
    Kind.NUMBER: ["x", True, "NaN", "Infinity", float("nan"), float("inf"), Decimal("sNaN"),
                  10**30, "1" * 25, "1e-30", "1_000", "１２", 10**4000, {}, "1e9999999999999999999"],
    Kind.MONEY: ["12,50", "₺5", None, [1]],
    Kind.BOOLEAN: ["maybe", 1, 0, None],
    Kind.DATE: ["2026-02-30", "01.03.2026", 20260301, "2026-03-01x"],
    Kind.DURATION: ["2 months", "soon", 5],
    Kind.EMAIL: ["ada", "ada@", "@b.example", "a b@c.example", "a@b@c.example", "a@b.example\n,x@y.example",
                  "a\r\nBcc: x@y.example", "a" * 400 + "@b.example", 5],
    Kind.URL: ["javascript:alert(1)", "shop.example", "https://", "https://a b", 'https://a"onclick="x', 1],
    Kind.TIMEZONE: ["Mars/Base", "", "../../etc/passwd", 3],
    Kind.LOCALE: ["turkish please", "x", "tr;rm", 4],
    Kind.LIST: [5, {}, [{}], [None], [[1]], list(range(1001)), [2**63]],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, bad in BAD.items() for value in bad])
def test_refused(kind: Kind, value: object) -> None:
    """A value of another kind is refused with what was expected, and nothing else is raised."""
    with pytest.raises(ValueError, match=r"\w"):
        coerce(kind, value)


def test_allowed_values() -> None:
    """Where values are listed, any other text is refused and the list is named."""
    assert coerce(Kind.TEXT, "pro", ("free", "pro")) == "pro"
    with pytest.raises(ValueError, match="one of free, pro"):
        coerce(Kind.TEXT, "Pro", ("free", "pro"))


def test_kept_values() -> None:
    """An undeclared event keeps what can be stored; null, objects and numbers without bound are left out."""
    assert keep_value(["a"]) == ("a",)
    lost: list[object] = [None, {}, 10**40, [{}]]
    assert [keep_value(value) for value in lost] == [None] * 4
