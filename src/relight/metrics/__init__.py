"""What the messages did and whether customers stay: measures C1–C14 from the log, the ledger and the delivery journal.

Reads stores, decides nothing, sends nothing. Own formulas; tests prove them against scipy, statsmodels and papers.
"""

from relight.metrics.boards import BoardPart, board_parts
from relight.metrics.cohorts import Cohort, CohortTable, FunnelCount, FunnelCounts, cohort_table, count_funnel
from relight.metrics.compute import Asked, compute_measures, measure_names
from relight.metrics.effect_people import StepPeople, effect_people
from relight.metrics.effects import Arm, Comparison, RuleEffect, compare_arms, effects_of, goal_sources
from relight.metrics.entry_goals import compared_rules
from relight.metrics.exposures import Exposures
from relight.metrics.extract import MeasureLog
from relight.metrics.measure import Interval, Measure, Point
from relight.metrics.periods import Period
from relight.metrics.targets import TargetStatus, target_statuses

__all__ = [
    "Arm",
    "Asked",
    "BoardPart",
    "Cohort",
    "CohortTable",
    "Comparison",
    "Exposures",
    "FunnelCount",
    "FunnelCounts",
    "Interval",
    "Measure",
    "MeasureLog",
    "Period",
    "Point",
    "RuleEffect",
    "StepPeople",
    "TargetStatus",
    "board_parts",
    "cohort_table",
    "compare_arms",
    "compared_rules",
    "compute_measures",
    "count_funnel",
    "effect_people",
    "effects_of",
    "goal_sources",
    "measure_names",
    "target_statuses",
]
