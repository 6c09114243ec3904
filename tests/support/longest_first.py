"""The order in which two processes share the files of tests: the longest first, so that none is left alone at the end.

A file that is not in the table comes after those that are; where one grows long, `pytest --durations=30` says so.
"""

from __future__ import annotations

import pytest

#: File below tests/ -> about how long its tests take (s), on two cores that do nothing else.
SECONDS = {
    "acceptance/test_cli_plan.py": 56,
    "faults/test_crash_sweep.py": 50,
    "acceptance/test_guard_alert.py": 40,
    "recorded/test_examples.py": 46,
    "docs/test_pages.py": 35,
    "cluster/test_equal.py": 31,
    "cluster/test_live.py": 30,
    "cluster/test_guard.py": 30,
    "cluster/test_questions.py": 30,
    "cluster/test_measures.py": 25,
    "acceptance/test_bench.py": 28,
    "browser/test_desk.py": 25,
    "browser/test_web_pages.py": 24,
    "cluster/test_chaos.py": 23,
    "faults/test_system_calls.py": 23,
    "cluster/test_examples.py": 21,
    "recorded/test_measures.py": 19,
    "browser/test_mails.py": 18,
    "docs/test_site.py": 18,
    "adapters/stores/test_housing.py": 22,
    "adapters/stores/test_housing_days.py": 17,
    "acceptance/test_cli_erase.py": 17,
    "recorded/test_comparison_can_fail.py": 16,
    "acceptance/test_forecast_agrees.py": 15,
    "model/test_model_agrees.py": 12,
    "model/test_comparison_can_fail.py": 12,
    "acceptance/test_cli_exit_codes.py": 11,
    "acceptance/test_codes.py": 11,
    "cluster/test_docs.py": 11,
    "faults/test_seeds.py": 11,
    "acceptance/test_cli_orders.py": 10,
    "acceptance/test_engine_sendgrid.py": 10,
    "acceptance/test_cli_reference.py": 9,
    "acceptance/test_cli_questions.py": 9,
    "acceptance/test_cli_run.py": 9,
    "unit/engine/test_machine.py": 8,
    "cluster/test_router.py": 8,
    "acceptance/test_run_with_web.py": 8,
    "acceptance/test_postgres_run.py": 7,
    "acceptance/test_cli_metrics.py": 7,
    "unit/metrics/test_daily.py": 7,
    "browser/test_pages.py": 6,
    "unit/simulate/test_jobs.py": 6,
    "unit/test_repository.py": 6,
    "unit/decide/test_watches.py": 5,
    "faults/test_machine.py": 5,
    "acceptance/test_telemetry.py": 5,
    "acceptance/test_web.py": 5,
    "unit/simulate/pages/test_written_pages.py": 5,
    "unit/config/test_mistakes.py": 4,
}


def longest_first(items: list[pytest.Item]) -> None:
    """Sort the tests by the time of their file; those of one file stay together, and in their order."""
    items.sort(key=lambda item: -SECONDS.get(item.nodeid.partition("::")[0].removeprefix("tests/"), 0))
