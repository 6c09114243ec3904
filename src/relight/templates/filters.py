"""Filters of the product: dates, numbers and money in the customer's language and zone, Turkish case, safe links.

Each reads the render under way from its context variable; nothing here knows a template. The first text that needs
Babel imports it.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import jinja2

from relight.base.instants import to_local
from relight.templates.values import RENDER, MissingDataError, RenderState, to_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from babel import Locale

#: Schemes that a link in a mail may have.
LINK_SCHEMES = frozenset({"https", "mailto"})
#: Characters of a link; a longer one is refused, so that no line of the mail passes its limit.
LINK_CHARACTERS_MAX = 2_000
#: Digits after the point that `number` and `percent` may show.
FRACTION_DIGITS_MAX = 12
#: Numbers, amounts and days whose texts are kept, each.
TEXTS_KEPT = 4_096
_STYLES = frozenset({"short", "medium", "long", "full"})
_PATTERN_CHARACTERS_MAX = 60
#: Kept as they stand in a link; everything else is percent-encoded as UTF-8.
_NEVER_IN_LINK = re.compile(r'[\s\x00-\x1f"<>\\^`{|}]')
_LINK_SAFE = "!#$%&*+/:;=?@[]~()-._"
#: Where a currency's letters touch the amount.
_LETTER_BY_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


@lru_cache(maxsize=256)
def find_locale(name: str) -> Locale | None:
    """Return Babel's locale for `tr`, `tr-TR` or `tr_TR`; None for a name nobody knows."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError, TypeError):
        return None


def _state() -> RenderState:
    state = RENDER.get()
    return state or RenderState(locale="en", zone="UTC", currency="EUR", base_url="")


def _locale(name: str) -> Locale:
    found = find_locale(name) or find_locale("en")
    assert found is not None, "Babel has English"
    return found


def _number(value: object) -> Decimal | int:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        to_text(value)  # a missing value refuses by its own name
        raise jinja2.TemplateRuntimeError(f"{value!r:.60} is no number")
    return Decimal(repr(value)) if isinstance(value, float) else value


def _local(value: object, state: RenderState) -> dt.datetime | dt.date:
    if isinstance(value, bool) or not isinstance(value, (int, dt.date)):
        to_text(value)
        raise jinja2.TemplateRuntimeError(f"{value!r:.60} is no instant and no date")
    return to_local(value, state.zone) if isinstance(value, int) else value


def _style(style: str) -> str:
    if style not in _STYLES and len(style) > _PATTERN_CHARACTERS_MAX:
        raise jinja2.TemplateRuntimeError("a date pattern is short, medium, long, full or at most 60 characters")
    return style


def format_date(_context: jinja2.runtime.Context, value: object, style: str = "long") -> str:
    """Return the day: `22 Kasım 2026`. `style` is short, medium, long, full or a CLDR pattern such as `d MMMM`."""
    state = _state()
    local = _local(value, state)
    return _day_text(local.date() if isinstance(local, dt.datetime) else local, _style(style), state.locale)


@lru_cache(maxsize=TEXTS_KEPT)
def _day_text(day: dt.date, style: str, locale: str) -> str:
    from babel.dates import format_date as day_text

    return day_text(day, style, locale=_locale(locale))


def format_datetime(_context: jinja2.runtime.Context, value: object, style: str = "long") -> str:
    """Return day and time on the customer's wall clock."""
    from babel import dates

    state = _state()
    moment, locale = _local(value, state), _locale(state.locale)
    if not isinstance(moment, dt.datetime):
        return dates.format_date(moment, _style(style), locale=locale)
    naive = moment.replace(tzinfo=None)
    if style == "long":  # without the name of the zone: it is the reader's own
        day = dates.format_date(naive, "long", locale=locale)
        return f"{day} {dates.format_time(naive, 'short', locale=locale)}"
    return dates.format_datetime(naive, _style(style), locale=locale)


def _digits(digits: int | None) -> int | None:
    if digits is not None and not 0 <= digits <= FRACTION_DIGITS_MAX:
        raise jinja2.TemplateRuntimeError(f"0 to {FRACTION_DIGITS_MAX} digits after the point")
    return digits


def format_number(_context: jinja2.runtime.Context, value: object, digits: int | None = None) -> str:
    """Return the number with the language's separators, rounded to `digits` after the point."""
    return _number_text(str(_number(value)), _digits(digits), _state().locale)


@lru_cache(maxsize=TEXTS_KEPT)
def _number_text(number: str, places: int | None, locale: str) -> str:
    from babel.numbers import format_decimal

    found = _locale(locale)
    if places is None:
        return format_decimal(Decimal(number), locale=found, decimal_quantization=False)
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return format_decimal(Decimal(number), pattern, locale=found)


def format_money(_context: jinja2.runtime.Context, value: object, currency: str | None = None) -> str:
    """Return an amount: `₺1.234,50`; the project's currency unless one is named (ISO 4217)."""
    state = _state()
    return _money_text(str(_number(value)), currency or state.currency, state.locale)


@lru_cache(maxsize=TEXTS_KEPT)
def _money_text(amount: str, currency: str, locale: str) -> str:
    from babel.numbers import format_currency

    text = format_currency(Decimal(amount), currency, locale=_locale(locale))
    # CLDR's currencySpacing, which Babel leaves out: letters and digits do not touch.
    return _LETTER_BY_DIGIT.sub("\u00a0", text)


def format_percent(_context: jinja2.runtime.Context, value: object, digits: int = 0) -> str:
    """Return a share (0.2) as `20%`, `%20` in Turkish."""
    from babel.numbers import format_percent as percent_text

    state, places = _state(), _digits(digits)
    locale = _locale(state.locale)
    pattern = locale.percent_formats[None].pattern
    if places:
        pattern = pattern.replace("#,##0", "#,##0." + "0" * places)
    return percent_text(_number(value), pattern, locale=locale)


def tr_upper(value: object) -> str:
    """Return Turkish capitals: `izmir` → `İZMİR`, `ışık` → `IŞIK`."""
    return to_text(value).replace("i", "İ").replace("ı", "I").upper()


def tr_lower(value: object) -> str:
    """Return Turkish small letters: `IŞIK` → `ışık`, `İZMİR` → `izmir`."""
    return to_text(value).replace("İ", "i").replace("I", "ı").lower()


def safe_url(value: object) -> str:
    """Return an https or mailto link with everything else in it percent-encoded.

    A link of the project's own web server passes whatever its scheme, so that a trial on this machine works.

    Raises:
        MissingDataError: it is no such link; a mail with a dead or hostile link must not leave.
    """
    text = str(to_text(value)).strip()
    quoted = _quoted_link(text, _state().base_url)
    if quoted is None:
        raise MissingDataError(f"a link ('{text[:60]}' is no https or mailto address)")
    return quoted


@lru_cache(maxsize=1024)
def _quoted_link(text: str, base: str) -> str | None:
    """Return the link percent-encoded, or None for what is no link. Kept: a mail names its links more than once."""
    own = bool(base) and text.startswith(base.rstrip("/") + "/")
    return quote(text, safe=_LINK_SAFE) if own or is_link(text) else None


def is_link(text: str) -> bool:
    """Return whether a text is an https link with a host, or a mailto link, of a length a mail can carry."""
    if len(text) > LINK_CHARACTERS_MAX or _NEVER_IN_LINK.search(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if parts.scheme not in LINK_SCHEMES:
        return False
    return bool(parts.hostname) if parts.scheme == "https" else "@" in parts.path


#: Filters by the name a template writes, those that read the render under way marked so that none is folded at load.
FILTERS: dict[str, Callable[..., Any]] = {
    "date": jinja2.pass_context(format_date),
    "datetime": jinja2.pass_context(format_datetime),
    "number": jinja2.pass_context(format_number),
    "money": jinja2.pass_context(format_money),
    "percent": jinja2.pass_context(format_percent),
    "tr_upper": tr_upper,
    "tr_lower": tr_lower,
    "safe_url": jinja2.pass_eval_context(lambda _eval_context, value: safe_url(value)),
}
