"""The links that every marketing mail carries.

One-click unsubscribe and preferences, made from the config's base_url and secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from relight.base.problems import Problem
from relight.messages.identity import (
    SECRET_BYTES_MIN,
    TokenKey,
    answer_url,
    click_url,
    confirm_url,
    preferences_url,
    unsubscribe_url,
)
from relight.rules.plan import MessageClass
from relight.rules.step_kinds import StepKind

if TYPE_CHECKING:
    from relight.config.models import ConfigModel
    from relight.rules.plan import Rule
    from relight.rules.texts import PlaceOf
    from relight.streams.surveys import Survey

#: Signs the links of mails that only go to files. Known to everybody, so `check` refuses it for real delivery.
_KEY_FOR_FILES = b"links of mails that go to files"

#: Messages whose links are remembered: a mail asks for them as it is rendered, and again when its batch is written.
LINKS_KEPT = 1_000
#: Fewest characters of the token that opens the desk; sign-ins are counted, so nobody tries them all.
TOKEN_CHARACTERS_MIN = 16
_WEB_HELP = 'web: {base_url: "https://mail.shop.example", secret: "${RELIGHT_LINK_SECRET}"}'

#: (occurrence key, topic) -> (one-click unsubscribe link, preferences link).
Links = Callable[[str, str], tuple[str, str]]
#: (occurrence key, `confirm_url` or `click_url`, topic or address) -> link.
PageLinks = Callable[[str, str, str], str]
#: (occurrence key, survey) -> (score, link) of each score.
SurveyLinks = Callable[[str, str], list[tuple[int, str]]]


def make_links(model: ConfigModel) -> Links | None:
    """Return what writes the links; None where the config has no `web`, then no mail carries any."""
    if model.web is None:
        return None
    base_url = model.web.base_url.rstrip("/")
    key = link_keys(model)[0]

    @lru_cache(maxsize=LINKS_KEPT)
    def links(occurrence_key: str, topic: str) -> tuple[str, str]:
        return unsubscribe_url(base_url, key, occurrence_key, topic), preferences_url(base_url, key, occurrence_key)

    return links


def link_keys(model: ConfigModel) -> tuple[TokenKey, ...]:
    """Return the key that links are signed with, and those it replaced; none where the config has no `web`."""
    if model.web is None:
        return ()
    secret = model.web.secret
    raw = [_KEY_FOR_FILES if secret is None else secret.reveal().encode("utf-8")]
    raw += [old.reveal().encode("utf-8") for old in model.web.old_secrets]
    return tuple(TokenKey(secret=one.ljust(SECRET_BYTES_MIN, b"\0")) for one in raw)


def make_survey_links(model: ConfigModel, surveys: Mapping[str, Survey]) -> SurveyLinks | None:
    """Return what writes the links of a survey, one for each score; None where the config has no `web`."""
    if model.web is None:
        return None
    base_url = model.web.base_url.rstrip("/")
    key = link_keys(model)[0]

    def links(occurrence_key: str, survey: str) -> list[tuple[int, str]]:
        scores = surveys[survey].scores
        return [(score, answer_url(base_url, key, occurrence_key, survey, score)) for score in scores]

    return links


def make_page_links(model: ConfigModel) -> PageLinks | None:
    """Return what writes links of confirmations and clicks; None where the config has no `web`."""
    if model.web is None:
        return None
    base_url = model.web.base_url.rstrip("/")
    key = link_keys(model)[0]

    def links(occurrence_key: str, kind: str, target: str) -> str:
        make = confirm_url if kind == "confirm_url" else click_url
        return make(base_url, key, occurrence_key, target)

    return links


def link_problems(model: ConfigModel, place_of: PlaceOf) -> list[Problem]:
    """Return what would let strangers unsubscribe people, or people not at all (S4, I18)."""
    if not _leaves(model):
        return []
    if model.web is None:
        message = "mails leave, and nobody could unsubscribe from them: there is no `web` with a base_url"
        place = place_of(("delivery",), key=True)
        return [Problem(code="no-unsubscribe", message=message, place=place, help=_WEB_HELP)]
    secret = model.web.secret
    if secret is None or len(secret.reveal()) < SECRET_BYTES_MIN:
        message = f"links in mails that leave are signed with a secret of at least {SECRET_BYTES_MIN} characters"
        place = place_of(("web",), key=True)
        help_text = "write `secret: ${RELIGHT_LINK_SECRET}` and set that variable; keep it, old links depend on it"
        return [Problem(code="no-link-secret", message=message, place=place, help=help_text)]
    return []


def web_problems(model: ConfigModel, rules: Mapping[str, Rule], place_of: PlaceOf) -> list[Problem]:
    """Return what is wrong with `web`, or with its absence."""
    return [*_unlinked_problems(model, rules, place_of), *_token_problems(model, place_of)]


def _token_problems(model: ConfigModel, place_of: PlaceOf) -> list[Problem]:
    token = None if model.web is None else model.web.token
    if token is None or len(token.reveal()) >= TOKEN_CHARACTERS_MIN:
        return []
    message = f"the token that opens the desk has at least {TOKEN_CHARACTERS_MIN} characters"
    help_text = "draw one: python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"
    return [Problem(code="short-token", message=message, place=place_of(("web", "token")), help=help_text)]


def _unlinked_problems(model: ConfigModel, rules: Mapping[str, Rule], place_of: PlaceOf) -> list[Problem]:
    """Return what keeps every marketing mail to a file unsent: no `web` to make its unsubscribe link from."""
    if model.web is not None or _leaves(model):
        return []
    marketing = {name: rule for name, rule in rules.items() if rule.message_class is MessageClass.MARKETING}
    asking = sorted(n for n, r in marketing.items() if any(s.kind is StepKind.SEND for s in r.program.steps.values()))
    if not asking:
        return []
    more = f" and {len(asking) - 1} more" if len(asking) > 1 else ""
    message = f"rule '{asking[0]}'{more} would mail nobody (missing_data): no `web` makes its unsubscribe link"
    place = place_of(("project",), key=True)
    return [Problem(code="no-unsubscribe", message=message, place=place, help=_WEB_HELP)]


def _leaves(model: ConfigModel) -> bool:
    return model.delivery is not None and (model.delivery.smtp is not None or model.delivery.sendgrid is not None)
