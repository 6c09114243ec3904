"""What rules are checked against, beside the streams: config, definitions and templates."""

from __future__ import annotations

from decimal import Decimal

from relight.config.config_file import ConfigFile
from relight.config.letter_facts import LetterFacts
from relight.config.policy import names_accounts, partial_topics
from relight.rules.compile import Surroundings
from relight.rules.definitions import Definitions
from relight.rules.plan import MessageClass
from relight.rules.step_parts import Outside
from relight.streams.schema import Schema

#: What a damaged config is taken to say about holdouts, so that rules are not blamed for it.
_HOLDOUT_UNKNOWN = Decimal(0)


def surroundings_of(config: ConfigFile, schema: Schema, definitions: Definitions, facts: LetterFacts) -> Surroundings:
    """Return what rules are checked against; a damaged config must not blame them."""
    topics, class_topics = partial_topics(config.node.value if config.node else None)
    model = config.model
    if model is None:
        class_topics = {one: class_topics.get(one) or "?" for one in MessageClass}
    return Surroundings(
        schema=schema,
        definitions=definitions,
        topics=topics,
        class_topics=class_topics,
        holdout=_HOLDOUT_UNKNOWN if model is None else model.holdout.share if model.holdout else None,
        has_accounts=names_accounts(model),
        zone=model.project.zone if model else "UTC",
        outside=Outside(
            templates=facts.letters | facts.incomplete,
            bodies=facts.bodies,
            alerts=model.alerts if model else None,
            webhooks=frozenset(model.webhooks) if model else None,
            codes=frozenset(model.codes) if model else None,
            coded=facts.coded,
            account=model.accounts.key if model and model.accounts else None,
            manager=model.accounts.manager if model and model.accounts else None,
            quiet=(model.quiet_hours.from_, model.quiet_hours.to) if model and model.quiet_hours else None,
        ),
    )
