"""What the config lays down for all rules, compiled; and what it must not say (I18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from relight.base.instants import DAY, WEEK
from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.base.suggest import suggest_words
from relight.config.links import link_problems, make_links, make_page_links, make_survey_links
from relight.config.models import ConfigModel
from relight.config.surveys import read_surveys
from relight.rules.plan import AccountKey, Cap, MessageClass, Plan, Policy, Sender
from relight.rules.texts import PlaceOf, Texts

#: Default of `catch_up` (µs).
CATCH_UP_DEFAULT = 5 * 60 * 1_000_000
#: Sections whose places `explain` shows.
_PLACED = ("quiet_hours", "sensitive", "holdout", "classes", "topics", "sunset")
#: The calendar units as lengths, to compare caps (µs).
_CALENDAR = {"day": DAY, "week": WEEK, "month": 30 * DAY}


def compile_policy(
    model: ConfigModel, place_of: PlaceOf, texts: Texts | None, *, account_fields: frozenset[str] = frozenset()
) -> tuple[Policy, list[Problem]]:
    """Return the policy and its problems; `sensitive` is left out where there are no texts to compile it with.

    account_fields: what streams read as `account`.
    """
    caps = {one: _caps(getattr(model.classes, one.value).caps, place_of, one, "caps") for one in MessageClass}
    account, account_caps, found_problems = compile_accounts(model, place_of, texts, account_fields)
    problems = [*_topic_problems(model, place_of), *_time_problems(model, place_of), *link_problems(model, place_of)]
    problems += [*_idle_problems(model, place_of), *found_problems]
    for found in (*caps.values(), account_caps):
        problems += _cap_problems(found)
    if not caps[MessageClass.MARKETING]:
        message = "nothing caps marketing, so a customer can get any number of mails a day"
        place = place_of(("classes",), key=True)
        help_text = "classes: {marketing: {caps: [1 per day, 3 per 7 days]}}"
        problems.append(Problem(code="no-cap", message=message, place=place, severity="warning", help=help_text))
    quiet = model.quiet_hours
    surveys = {name: survey for name, (survey, _) in read_surveys(model, place_of)[0].items()}
    policy = Policy(
        project=model.project.name,
        zone=model.project.zone,
        locale=model.project.locale,
        currency=model.project.currency,
        sender=Sender(name=model.sender.name, address=model.sender.address, reply_to=model.sender.reply_to),
        topics={name: topic.default == "opted_in" for name, topic in model.topics.items()},
        caps=caps,
        account=account,
        account_caps={MessageClass.MARKETING: account_caps} if account_caps else {},
        quiet=None if quiet is None else (quiet.from_, quiet.to),
        sensitive=texts.condition(model.sensitive, ("sensitive",)) if texts is not None else None,
        salt=model.holdout.salt if model.holdout else "",
        holdout_by_account=_is_by_account(model),
        arbitration=model.arbitration.elapsed if model.arbitration else 0,
        catch_up=CATCH_UP_DEFAULT if model.catch_up is None else model.catch_up.elapsed,
        sunset=model.sunset.after.elapsed if model.sunset else None,
        silent=texts.expression_of("silent", place_of(("sunset",))) if texts is not None and model.sunset else None,
        links=make_links(model),
        page_links=make_page_links(model),
        survey_links=make_survey_links(model, surveys),
        surveys=surveys,
        places={key: place_of((key,)) for key in _PLACED if getattr(model, key)},
    )
    return policy, problems


def _idle_problems(model: ConfigModel, place_of: PlaceOf) -> list[Problem]:
    """Return what the config says and nothing carries out."""
    problems = []
    for message_class in (MessageClass.TRANSACTIONAL, MessageClass.INTERNAL):
        for key in ("topic", "caps", "account_caps"):
            if getattr(model.classes, message_class.value).model_fields_set & {key}:
                message = f"{message_class} messages ask for neither consent nor room, so '{key}' would change nothing"
                place = place_of(("classes", message_class.value, key), key=True)
                problems.append(Problem(code="not-here", message=message, place=place, help="remove it"))
    return problems


def compile_accounts(
    model: ConfigModel, place_of: PlaceOf, texts: Texts | None, fields: frozenset[str]
) -> tuple[AccountKey | None, tuple[Cap, ...], list[Problem]]:
    """Return what names somebody's account, the caps of an account's marketing, and the problems of both.

    fields: what streams read as `account`.
    """
    marketing = MessageClass.MARKETING
    caps = _caps(model.classes.marketing.account_caps, place_of, marketing, "account_caps")
    key = model.accounts.key if model.accounts is not None else None
    if key is None:
        wanting: list[tuple[str, ...]] = [("classes", marketing.value, "account_caps")] if caps else []
        wanting += [("holdout", "by")] if _is_by_account(model) else []
        message = "nothing says which account somebody belongs to"
        help_text = "write `accounts: {key: <trait or field>}`"
        return (
            None,
            (),
            [
                Problem(code="no-accounts", message=message, place=place_of(path, key=True), help=help_text)
                for path in wanting
            ],
        )
    traits = texts.scope.schema.traits if texts is not None else {}
    declared = traits.get(key)
    if declared is None and key not in fields and texts is not None:
        hint = suggest_words(key, [*traits, *fields])
        message = f"no stream declares the trait '{key}', or reads it as `account`" + (f"; {hint}" if hint else "")
        place = place_of(("accounts", "key"))
        help_text = f"declare it in a stream: `traits: {{{key}: text}}`, or `account: {key}`"
        return None, caps, [Problem(code="unknown-trait", message=message, place=place, help=help_text)]
    if declared is not None and declared.kind is not Kind.TEXT:
        message = f"the trait '{key}' is {declared.kind}, and an account has a name"
        return None, caps, [Problem(code="type-mismatch", message=message, place=place_of(("accounts", "key")))]
    if declared is not None and texts is not None:
        texts.binder.trait(key)
    return AccountKey(trait=None if declared is None else key), caps, []


def idle_account_problems(plan: Plan, place_of: PlaceOf) -> list[Problem]:
    """Return that `accounts.key` changes nothing, where nothing of a plan asks for somebody's account."""
    policy = plan.policy
    if policy.account is None or policy.account_caps or policy.holdout_by_account or plan.members:
        return []
    if any(rule.account_cap is not None for rule in plan.rules.values()):
        return []
    message = "nothing asks for the account that somebody belongs to, so 'key' changes nothing"
    help_text = (
        "cap accounts (`account_caps`, a rule's `account_cap`), write `holdout: {by: account}`, count people in a"
        " condition (`members(…)`), or remove it"
    )
    place = place_of(("accounts", "key"), key=True)
    return [Problem(code="idle-accounts", message=message, place=place, severity="warning", help=help_text)]


def names_accounts(model: ConfigModel | None) -> bool:
    """Return whether a config says what names somebody's account; a damaged one is not blamed for it."""
    return model is None or (model.accounts is not None and model.accounts.key is not None)


def _is_by_account(model: ConfigModel) -> bool:
    return model.holdout is not None and model.holdout.by == "account"


def _caps(caps: Sequence[Cap], place_of: PlaceOf, message_class: MessageClass, key: str) -> tuple[Cap, ...]:
    path = ("classes", message_class.value, key)
    return tuple(replace(cap, place=place_of((*path, n))) for n, cap in enumerate(caps))


def _length(cap: Cap) -> int:
    return cap.window or _CALENDAR[cap.calendar or "day"]


def _cap_problems(caps: Sequence[Cap]) -> list[Problem]:
    problems = []
    for n, cap in enumerate(caps):
        for other in caps[:n]:
            place, there = cap.place or Place(file=""), other.place
            if (cap.window, cap.calendar) == (other.window, other.calendar):
                message = f"'{cap}' and '{other}' cap the same time"
                problems.append(
                    Problem(code="caps-contradict", message=message, place=place, other=there, help="keep one of them")
                )
                continue
            short, long = sorted((cap, other), key=_length)
            if short.most >= long.most:
                message = f"'{short}' never decides, because '{long}' is reached first"
                problems.append(
                    Problem(
                        code="idle-cap",
                        message=message,
                        place=place,
                        other=there,
                        severity="warning",
                        help="remove it, or lower it",
                    )
                )
    return problems


def _topic_problems(model: ConfigModel, place_of: PlaceOf) -> list[Problem]:
    problems = []
    for message_class in MessageClass:
        topic = getattr(model.classes, message_class.value).topic
        if topic is not None and topic not in model.topics:
            advice = suggest_words(topic, model.topics)
            place = place_of(("classes", message_class.value, "topic"))
            message = f"there is no topic '{topic}'" + (f"; {advice}" if advice else "")
            problems.append(Problem(code="unknown-topic", message=message, place=place))
    for name, topic in model.topics.items():
        if topic.default == "opted_in":
            message = f"who said nothing is taken to want '{name}'"
            place = place_of(("topics", name, "default"))
            help_text = "`opted_in` only where the law lets you; `opted_out` asks first"
            problems.append(Problem(code="opted-in", message=message, place=place, severity="warning", help=help_text))
    return problems


def _time_problems(model: ConfigModel, place_of: PlaceOf) -> list[Problem]:
    quiet = model.quiet_hours
    if quiet is None or quiet.from_ != quiet.to:
        return []
    message = "quiet hours that end where they begin are either none or all day"
    place, other = place_of(("quiet_hours", "to")), place_of(("quiet_hours", "from"))
    return [Problem(code="quiet-hours", message=message, place=place, other=other, help="leave them out for none")]


def partial_topics(value: object) -> tuple[frozenset[str], Mapping[MessageClass, str | None]]:
    """Return the topics, and the classes' topics, of a config that could not be read whole."""
    config = value if isinstance(value, dict) else {}
    topics, classes = config.get("topics"), config.get("classes")
    found: dict[MessageClass, str | None] = {}
    for message_class in MessageClass:
        one = classes.get(message_class.value) if isinstance(classes, dict) else None
        topic = one.get("topic") if isinstance(one, dict) else None
        found[message_class] = topic if isinstance(topic, str) else None
    return frozenset(topics) if isinstance(topics, dict) else frozenset(), found
