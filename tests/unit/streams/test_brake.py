"""The brake (V2)."""

from decimal import Decimal

import pytest

from relight.streams.brake import Brake, BrakeState


def run(state: BrakeState, pattern: str) -> int | None:
    """Return the number of the record that trips the brake; `x` is a dead letter."""
    for number, mark in enumerate(pattern, 1):
        if state.saw(dead=mark == "x"):
            return number
    return None


@pytest.mark.parametrize(
    ("pattern", "trips_at"),
    [
        ("x" * 50 + "." * 5000, None),
        ("x" * 51, 51),
        ("x" * 50 + "." * 949 + "x", 1000),
        ("x" * 50 + "." * 950 + "x", None),
        (("." * 19 + "x") * 500, None),
        (("." * 18 + "x") * 500, 51 * 19),
        ("." * 10_000 + "x" * 51, 10_051),
    ],
)
def test_default(pattern: str, trips_at: int | None) -> None:
    """By default the 51st dead letter among the last 1,000 records stops the stream, the 50th does not."""
    assert run(BrakeState(Brake()), pattern) == trips_at


@pytest.mark.parametrize(
    ("share", "of", "pattern", "trips_at"),
    [
        ("0", 10, "...x", 4),
        ("1", 3, "xxxxxx", None),
        ("0.5", 4, "xx.x", 4),
        ("0.5", 4, "xx..x.x.", None),
        ("0.5", 1, "x", 1),
    ],
)
def test_setting(share: str, of: int, pattern: str, trips_at: int | None) -> None:
    """A share of nought stops at the first dead letter, a share of all never; between them more than the share."""
    assert run(BrakeState(Brake(share=Decimal(share), of=of)), pattern) == trips_at


def test_stays_until_resumed() -> None:
    """A stream that stopped stays stopped, says why, and starts afresh when somebody resumes it."""
    state = BrakeState(Brake(share=Decimal("0.5"), of=4))
    assert run(state, "xxx") == 3
    assert state.saw(dead=False)
    text = state.describe("shop", "data/shop.ndjson:4")
    assert "stream 'shop' stopped at data/shop.ndjson:4" in text
    assert "more than 50 % of 4" in text
    state.resume()
    assert run(state, "xx") is None
