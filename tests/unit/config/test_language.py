"""The library's rules can be written as short as this, without a quote that only YAML wants."""

from __future__ import annotations

import pytest

from relight.config.model_problems import read_model
from relight.config.yaml_reader import read_yaml
from relight.rules.models import RuleModel

RULES = {
    "quiet": """
        trigger: {inactive: [7 days, 30 days, 90 days], activity: [session_started, report_created]}
        audience: ever(subscribed)
        steps: [{branch: [{when: threshold == 7 days, steps: [{send: quiet_nudge}]}, {when: threshold == 30 days,
                          steps: [{send: quiet_help}]}, {else: [{send: quiet_goodbye}]}]}]
        """,
    "shipped": """
        trigger: {released: {asked: feature_requested, shipped: feature_released, by: feature,
                  unless: feature_used where feature == event.feature}}
        send: you_asked_we_shipped
        """,
    "onboarding": """
        trigger: {event: signed_up}
        exit: [account_deleted]
        goal: {event: project_created, attribution: 14 days}
        steps:
          - send: welcome
          - {wait_for: data_imported, up_to: 1 day, else: [{send: import_help}]}
          - wait: 2 days
          - send: first_project
          - wait: {until: "next tuesday 10:00"}
          - send: webinar
        """,
    "declined": """
        trigger: {declined: {of: session_started, window: 7 days, against: 8 weeks, by: 50%}}
        send: can_we_help
        """,
    "after_order": """
        trigger: {event: order_placed}
        reentry: {per: order_id}
        exit: order_refunded where order_id == entry.order_id
        steps: [{wait: 7 days}, {send: how_was_it}]
        """,
    "refill": """
        trigger: {inactive: usual_interval(order_placed) * 1.2, activity: [order_placed]}
        audience: count(order_placed) >= 3
        send: time_to_refill
        """,
    "cart": """
        trigger: {event: cart_updated where items > 0}
        reentry: {per: cart_id}
        steps: [{wait_for: order_placed where cart_id == entry.cart_id, up_to: 4 hours, then: stop,
                 else: [{send: cart_reminder}]}]
        """,
    "winback": """
        trigger: {inactive: 60 days, activity: [order_placed]}
        group: lifecycle
        steps: [{branch: [{when: vip, steps: [{send: offer_vip}]}, {else: [{send: offer}]}]}]
        """,
    "upgrade": """
        trigger: {event: nps_answered where score >= 9}
        audience: open_tickets == 0 and sum(order_placed.total, 1 year) >= sum(order_placed.total, 1 year, ago: 1 year)
        send: upgrade
        """,
    "tier": """
        trigger: {milestone: {value: points, at: [500, 1000, 5000]}}
        send: tier_reached
        """,
    "year": """
        trigger: {schedule: "0 10 15 12 *"}
        audience: count(session_started, 1 year) >= 12
        send: year_in_review
        """,
    "incident": """
        trigger: {global: incident_opened, affects: region == event.region and ever(api_called, 7 days)}
        class: transactional
        send: incident_notice
        """,
    "ticket": """
        trigger: {event: ticket_opened}
        class: internal
        reentry: {per: ticket_id}
        steps: [{wait_for: ticket_resolved where ticket_id == entry.ticket_id, up_to: 48 hours, then: stop,
                 else: [{alert: {to: support, template: ticket_stale}}]}]
        """,
    "texts": """
        trigger: {enters: let_down}
        steps: [{send: winback, code: winback_2026}, {wait: 3 days}, {webhook: sms/winback}]
        """,
    "digest": """
        trigger: {schedule: "0 9 * * MON"}
        audience: count(task_done, 7 days) > 0
        reentry: every
        send: weekly_digest
        """,
    "key_account": """
        trigger: {inactive: 14 days, activity: [session_started]}
        audience: key_account
        steps: [{branch: [{when: manager is known, steps: [{send: check_in, sender: manager}]},
                          {else: [{alert: {to: success, template: no_manager}}]}]}]
        """,
    "every_key": """
        trigger: {date: trial_ends_at, before: 3 days, at: "09:00"}
        reentry: {after: 60 days}
        topic: offers
        priority: 70
        expires: 2 days
        grace: 1 hour
        settle: 0
        when_capped: {wait: 2 days}
        holdout: 0%
        backfill: {ramp: 24 hours}
        paused: true
        starts: 2026-01-01
        ends: 2026-12-31 18:00
        owner: Growth
        name: 30 days
        notes: >
          Why it is as it is.
        send: offer
        """,
}


@pytest.mark.parametrize("name", sorted(RULES))
def test_rules_of_the_library(name: str) -> None:
    """Each rule is read without a problem."""
    node, problems = read_yaml(RULES[name], f"rules/{name}.yaml")
    assert problems == []
    assert node is not None
    model, problems = read_model(RuleModel, node, f"rule '{name}'")
    assert problems == []
    assert model is not None
