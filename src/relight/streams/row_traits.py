"""The traits and consent a row sets, and the values of its expressions. Pure; refuses with RefusalError."""

from __future__ import annotations

from relight.base.kinds import UNKNOWN
from relight.streams.fields import ABSENT, read_trait, trait_homes
from relight.streams.ids import read_identifier
from relight.streams.plan import FieldReader, PropertyPlan, Row, StreamPlan
from relight.streams.refusals import RefusalError, show_value

#: Type of Segment's rows about the account that a customer belongs to.
GROUP = "group"
#: Trait that holds the zone of a customer's account; it counts where the customer's own is not known (V3).
ACCOUNT_ZONE = "account_timezone"
_FAULTS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError)


def read_traits(plan: StreamPlan, row: Row, flat: Row, *, identifies: bool) -> dict[str, object]:
    """Return the traits a row sets: all of an identify, of another row those whose field was named.

    Null in an identify takes a trait away (the value is None); in another row it says nothing.
    """
    if row.get("type") == GROUP:
        return _account_traits(plan, row)
    homes = trait_homes(row, with_properties=not identifies)
    traits: dict[str, object] = {}
    for trait in plan.traits if identifies else plan.traits_anywhere:
        value = evaluate(trait.read, flat, trait.name) if trait.computed else read_trait(row, trait, homes)
        if value is ABSENT or (value == "" and trait.empty_is_absent) or (value is None and not identifies):
            if trait.default is not None and identifies:
                traits[trait.name] = trait.default
        elif value is None:
            if not trait.computed:
                traits[trait.name] = None
        else:
            try:
                traits[trait.name] = trait.coerce(value)
            except (ValueError, RefusalError) as error:
                raise bad_value("trait", trait, value, error) from None
    return traits


def _account_traits(plan: StreamPlan, row: Row) -> dict[str, object]:
    """Return what a row about the account says of its people: the zone, where the stream declares it (V3)."""
    trait = next((one for one in plan.traits if one.name == ACCOUNT_ZONE), None)
    inner = row.get("traits")
    value = inner.get("timezone") if trait is not None and isinstance(inner, dict) else None
    if trait is None or value is None or value == "":
        return {}
    try:
        return {ACCOUNT_ZONE: trait.coerce(value)}
    except (ValueError, RefusalError) as error:
        raise bad_value("trait", trait, value, error) from None


def read_consent(plan: StreamPlan, row: Row) -> dict[str, bool]:
    """Return the topics a row grants (True) or withdraws (False)."""
    consent: dict[str, bool] = {}
    is_nested = "properties" in row or "traits" in row or "context" in row
    homes = trait_homes(row, with_properties=True) if is_nested else ()
    for one in plan.consents:
        if one.given.read is None and not is_nested and one.given.key not in row:
            continue  # most rows of most streams
        topic = one.topic if one.topic_from is None else read_trait(row, one.topic_from, homes)
        given = read_trait(row, one.given, homes)
        if any(value is ABSENT or value is None or value == "" for value in (topic, given)):
            continue
        try:
            consent[read_identifier(topic, "topic")] = bool(one.given.coerce(given))
        except ValueError as error:
            raise bad_value("consent", one.given, given, error) from None
    return consent


def evaluate(read: FieldReader | None, flat: Row, what: str) -> object:
    """Return an expression's value, None for unknown; whatever goes wrong in it is the record's fault."""
    if read is None:
        return None
    try:
        value = read(flat)
    except _FAULTS as error:
        raise RefusalError("bad-expression", f"{what}: {error}") from None
    return None if value is UNKNOWN else value


def bad_value(what: str, plan: PropertyPlan, value: object, error: Exception) -> RefusalError:
    """Return the refusal of a value of the wrong kind: which, what was found, what was expected."""
    if isinstance(error, RefusalError):
        return RefusalError("bad-value", f"{what} {plan.name}: {error}")
    return RefusalError("bad-value", f"{what} {plan.name} is {show_value(value)}, expected {error}")
