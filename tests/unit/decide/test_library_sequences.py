"""The sequences of the rule library (A6, A11, A18), as product teams write them, through the real compiler."""

from __future__ import annotations

from relight.base.kinds import Kind
from relight.streams.schema import EventType, PropertyType, Schema
from tests.support.story import Story, story

TICKET = {"ticket_id": PropertyType(kind=Kind.TEXT)}
CART = {"cart_id": PropertyType(kind=Kind.TEXT), "items": PropertyType(kind=Kind.INTEGER)}
EVENTS: dict[str, dict[str, PropertyType]] = {
    "signed_up": {}, "account_deleted": {}, "project_created": {}, "data_imported": {}, "cart_updated": CART,
    "order_placed": {"cart_id": PropertyType(kind=Kind.TEXT)}, "ticket_opened": TICKET, "ticket_resolved": TICKET,
}  # fmt: skip
SCHEMA = Schema(
    events={name: EventType(name=name, streams=("shop",), properties=found) for name, found in EVENTS.items()},
    traits={"email": PropertyType(kind=Kind.EMAIL), "timezone": PropertyType(kind=Kind.TIMEZONE)},
    topics=("news",),
)
ONBOARDING = """
trigger: {event: signed_up}
exit: [account_deleted]
goal: {event: project_created, attribution: 14 days}
steps:
  - send: hello
  - {wait_for: data_imported, up_to: 1 day, else: [{send: again}]}
  - wait: 2 days
  - send: third
  - wait: {until: "next tuesday 10:00"}
  - {send: hello, id: webinar}
"""
CART_LEFT = """
trigger: {event: cart_updated where items > 0}
reentry: {per: cart_id}
steps: [{wait_for: order_placed where cart_id == entry.cart_id, up_to: 4 hours, then: stop, else: [{send: hello}]}]
"""
TICKET_STALE = """
trigger: {event: ticket_opened}
class: internal
reentry: {per: ticket_id}
steps: [{wait_for: ticket_resolved where ticket_id == entry.ticket_id, up_to: 48 hours, then: stop, else: [{alert: {to: support, template: hello}}]}]
"""


def begun(rule: str) -> Story:
    # 2026-01-05 is a Monday.
    return story({"r": rule}, schema=SCHEMA, zone="Europe/Istanbul").known("2026-01-02")


def test_onboarding_reacts_to_what_the_person_did() -> None:
    """A6: the sequence helps who imported nothing, goes on either way, and waits for Tuesday morning."""
    nothing = begun(ONBOARDING).event("signed_up", "2026-01-05 22:00").until("2026-02-01")
    assert nothing.said() == [
        "01-05 22:00 entered r", "01-05 22:00 pending r/send:0", "01-06 22:00 pending r/send:1.else.0",
        "01-08 22:00 pending r/send:3", "01-13 10:00 pending r/webinar",
    ]  # fmt: skip
    imported = begun(ONBOARDING).event("signed_up", "2026-01-05 22:00").event("data_imported", "2026-01-06 08:00")
    assert [line.split("/")[-1] for line in imported.until("2026-02-01").said()[1:]] == ["send:0", "send:3", "webinar"]


def test_onboarding_stops_by_itself() -> None:
    """A6, E3: the goal ends it with goal_met, leaving ends it with exit, wherever the person stands."""
    for event, reason in (("project_created", "goal_met"), ("account_deleted", "exit")):
        told = begun(ONBOARDING).event("signed_up", "2026-01-05 22:00").event(event, "2026-01-07").until("2026-02-01")
        assert told.said()[-1] == f"01-07 00:00 ended r/wait:2 {reason}"


def test_a_cart_left_behind_is_reminded_of_unless_ordered() -> None:
    """A11: each cart waits for its own order; an empty one does not wait."""
    told = begun(CART_LEFT)
    for cart, items in (("c1", 2), ("c2", 1), ("c3", 0)):
        told.event("cart_updated", "2026-01-05 12:00", cart_id=cart, items=items)
    told.event("order_placed", "2026-01-05 14:00", cart_id="c2").until("2026-01-06")
    assert [m.entry.properties["cart_id"] for m in told.effects["ann"].mails] == ["c1"]
    assert told.said()[-1] == "01-05 16:00 pending r/send:0.else.0"


def test_a_ticket_that_stays_open_alerts_the_team() -> None:
    """A18: a ticket unresolved for 48 hours tells the team, one that was resolved does not."""
    told = begun(TICKET_STALE).event("ticket_opened", "2026-01-05 12:00", ticket_id="t1")
    told.event("ticket_opened", "2026-01-05 13:00", ticket_id="t2")
    told.event("ticket_resolved", "2026-01-07 12:59", ticket_id="t2").until("2026-02-01")
    (mail,) = told.effects["ann"].mails
    assert (mail.address, mail.entry.properties["ticket_id"]) == ("support@shop.example", "t1")
    assert told.said()[-1] == "01-07 12:00 pending r/alert:0.else.0"
