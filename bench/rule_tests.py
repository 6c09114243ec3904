"""How many rule tests run in a second: those of a project folder, again and again for some seconds of CPU.

python bench/rule_tests.py            # the project in this folder
python bench/rule_tests.py FOLDER
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from relight.cli.rule_tests import compiler_of
from relight.config.loader import load_project
from relight.simulate.rule_tests.reading import read_rule_tests
from relight.simulate.rule_tests.suite import run_suite

#: Seconds of CPU that are measured.
MEASURED_SECONDS = 5.0


def main() -> None:
    """Print tests a second of CPU, reading the files left out."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    project = load_project(folder, env=dict(os.environ), lint=False)
    assert project.plan is not None, [str(problem) for problem in project.problems]
    tests = read_rule_tests(project, compiler_of(None))
    assert not tests.problems, [str(problem) for problem in tests.problems]
    done = failed = 0
    began = time.process_time()
    while time.process_time() - began < MEASURED_SECONDS:
        suite = run_suite(project.plan, tests.cases, clock=time.perf_counter)
        done, failed = done + len(suite.results), failed + suite.failed
    seconds = time.process_time() - began
    each = 1_000 * seconds / done
    print(f"{len(tests.cases)} tests, {failed} failures: {done / seconds:,.0f} a second, {each:.2f} ms each")


if __name__ == "__main__":
    main()
