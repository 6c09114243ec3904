"""From the files of `tests/rules/` to cases: every mistake a problem with its place, nothing run.

A test names rules, events, customers and times; all of them are looked up here, so that a typing error cannot pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from relight.base.instants import from_local
from relight.base.problems import Place, Problem
from relight.base.suggest import suggest_words
from relight.config.model_problems import read_model
from relight.config.rule_test_models import RuleTest, RuleTestModel
from relight.config.yaml_reader import read_yaml
from relight.messages.reasons import Reason
from relight.simulate.rule_tests.case import Case, Expected, Given, Kind
from relight.simulate.rule_tests.edits import Editing, edited_plan
from relight.simulate.rule_tests.given import read_customer, read_given
from relight.simulate.rule_tests.moments import START_DEFAULT, read_moment, read_time
from relight.simulate.rule_tests.own_streams import with_own_streams
from relight.simulate.rule_tests.setting import Setting
from relight.simulate.rule_tests.untested import TESTS_FOLDER
from relight.streams.envelope import Rank, rank_of

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.config.yaml_nodes import Path, YamlNode
    from relight.rules.plan import Plan

#: Kinds that say why.
_WITH_REASON = frozenset({Kind.SUPPRESSED, Kind.ENDED})


@dataclass(slots=True, kw_only=True)
class ReadTests:
    """What the files of a project say."""

    cases: list[Case] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    #: Rules that some test names, by name or glob, or expects something of.
    named: set[str] = field(default_factory=set)
    files: int = 0


def read_rule_tests(project: LoadedProject, compile_texts: Callable[[Mapping[str, str]], LoadedProject]) -> ReadTests:
    """Return the tests of a project and their problems; without a sound plan only the form of the files is checked.

    compile_texts: a project's texts by path -> the project, for tests that edit rules.
    """
    found = ReadTests()
    for path, text in project.sources.items():
        if not path.startswith(TESTS_FOLDER) or not path.endswith(".yaml"):
            continue
        found.files += 1
        node, problems = read_yaml(text, path)
        model = None
        if node is not None:
            model, more = read_model(RuleTestModel, node, f"the file of tests '{path.rsplit('/', 1)[-1]}'")
            problems += more
        found.problems += problems
        if model is not None and node is not None and project.plan is not None:
            reader = _File(found, project, project.plan, (model, node), Editing(project, compile_texts))
            for number in range(len(model.tests)):
                reader.read_test(number)
    return found


class _File:
    """One file of tests."""

    def __init__(
        self,
        found: ReadTests,
        project: LoadedProject,
        plan: Plan,
        read: tuple[RuleTestModel, YamlNode],
        editing: Editing,
    ) -> None:
        self.found, self.project, self.plan, self.editing = found, project, plan, editing
        self.model, self.node = read

    def report(self, code: str, message: str, place: Place, help_text: str | None = None) -> None:
        self.found.problems.append(Problem(code=code, message=message, place=place, help=help_text))

    def read_test(self, number: int) -> None:
        """Add the case of one test unless something is wrong with it."""
        before = len(self.found.problems)
        test, path = self.model.tests[number], ("tests", number)
        zone = self.plan.policy.zone
        start, until = self._times(test, path)
        rules = self._rules(test, path)
        edits: dict[str, object] = {}

        def edit(changes: Mapping[str, object], place: Place) -> Plan | None:
            edits.update(changes)
            plan, problems = edited_plan(self.editing, edits)
            for problem in problems[:1]:
                self.report(problem.code, f"with this edit: {problem.message}", place, problem.help)
            return plan

        setting = Setting(
            plan=self.plan, streams=with_own_streams(self.project.streams, self.plan.schema), start=start, zone=zone,
            place_of=self.node.place_of, report=self.report, edit=edit,
        )  # fmt: skip
        given = self._given(setting, test, path)
        known = {one.customer for one in given if one.customer is not None}
        expected = self._expected(setting, test, path, (known, rules))
        holdout = test.holdout if "holdout" in test.model_fields_set else self.model.holdout
        for name in holdout:
            self._known(name, known, (*path, "holdout") if "holdout" in test.model_fields_set else ("holdout",))
        split = self._split(test, path, (known, rules))
        case = Case(
            file=self.node.file,
            name=test.name,
            place=self.node.place_of((*path, "name")),
            expect_place=self.node.place_of((*path, "expect"), key=True),
            rules=frozenset(rules),
            start=start,
            until=until,
            zone=zone,
            given=given,
            expected=expected,
            holdout=frozenset(holdout),
            split=split,
            sent_only=(test.compare if "compare" in test.model_fields_set else self.model.compare) == "sent",
            consents=self._consents(test, path),
        )
        if len(self.found.problems) == before:
            self.found.cases.append(case)

    # ------------------------------------------------------------ what holds for the test
    def _times(self, test: RuleTest, path: Path) -> tuple[int, int]:
        zone = self.plan.policy.zone
        start = from_local(START_DEFAULT, zone)
        told = test.start or self.model.start
        if told is not None:
            read = read_time(told, zone)
            where = (*path, "start") if test.start else ("start",)
            if read is None:
                message = f"'{told}' is no time"
                place = self.node.place_of(where)
                self.report("wrong-value", message, place, "write 2026-03-01 09:00 Europe/Istanbul")
            start = start if read is None else read
        told = test.until or self.model.until
        if told is None:
            message = "a test needs 'until', of its own or of the file"
            help_text = "until: 14d, so that it is known how long nothing more may happen"
            self.report("missing-field", message, self.node.place_of((*path, "name")), help_text)
            return start, start
        until = read_moment(told, start, zone)
        where = (*path, "until") if test.until else ("until",)
        if until is None:
            message = f"'{told}' is neither a length of time nor a time"
            self.report("wrong-value", message, self.node.place_of(where), "write 14d or 2026-03-15 09:00")
            return start, start
        return start, until

    def _rules(self, test: RuleTest, path: Path) -> set[str]:
        told = test.rules if test.rules is not None else self.model.rules
        if told is None:
            return set(self.plan.rules)
        where: Path = (*path, "rules") if test.rules is not None else ("rules",)
        rules: set[str] = set()
        for number, name in enumerate(told):
            matching = {rule for rule in self.plan.rules if fnmatchcase(rule, name)}
            if not matching:
                hint = suggest_words(name, self.plan.rules)
                message = f"there is no rule '{name}'" + (f"; {hint}" if hint else "")
                node = self.node.at((*where, number)) or self.node.at(where)
                self.report("unknown-rule", message, node.place if node else self.node.place)
            rules |= matching
        self.found.named |= rules
        return rules

    def _split(self, test: RuleTest, path: Path, known: tuple[set[str], set[str]]) -> dict[str, dict[str, str]]:
        """Return the arms as named; a step that splits nobody and an arm that it lacks are reported."""
        customers, rules = known
        steps = {s.id: s for rule in rules for s in self.plan.rules[rule].program.steps.values() if s.shares}
        for customer, arms in {**self.model.split, **test.split}.items():
            where: Path = (*path, "split", customer) if customer in test.split else ("split", customer)
            self._known(customer, customers, where)
            for name, arm in arms.items():
                step = steps.get(name)
                words = steps if step is None else [one for one, _, _ in step.shares]
                if step is None or arm not in words:
                    hint = suggest_words(name if step is None else arm, words)
                    message = f"no rule of this test splits at '{name}'" if step is None else f"'{name}' has no '{arm}'"
                    place = self.node.place_of((*where, name), key=step is None)
                    self.report("unknown-arm", message + (f"; {hint}" if hint else ""), place)
        return {**self.model.split, **test.split}

    def _consents(self, test: RuleTest, path: Path) -> dict[tuple[str, str], Place]:
        found = {}
        for where, customers in (((), self.model.customers), (path, test.customers)):
            for name, told in customers.items():
                for number, topic in enumerate(told.consent):
                    found[name, topic] = self.node.place_of((*where, "customers", name, "consent", number))
        return found

    # ------------------------------------------------------------ what happens
    def _given(self, setting: Setting, test: RuleTest, path: Path) -> list[Given]:
        customers = []
        for name, told in {**self.model.customers, **test.customers}.items():
            where: Path = (*path, "customers", name) if name in test.customers else ("customers", name)
            customers.append(read_customer(setting, name, told, where))
        happened = [read_given(setting, one, (*path, "given", n)) for n, one in enumerate(test.given)]
        return sorted([*customers, *(one for several in happened for one in several)], key=_log_order)

    # ------------------------------------------------------------ what is expected
    def _expected(
        self, setting: Setting, test: RuleTest, path: Path, known: tuple[set[str], set[str]]
    ) -> list[Expected]:
        found = []
        for number in range(len(test.expect)):
            one = self._expect(setting, test, (*path, "expect", number), known)
            if one is not None:
                found.append(one)
        return found

    def _expect(
        self, setting: Setting, test: RuleTest, path: Path, known: tuple[set[str], set[str]]
    ) -> Expected | None:
        customers, rules = known
        row = test.expect[int(path[-1])]
        kind = next(kind for kind in Kind if getattr(row, kind.value) is not None)
        rule = str(getattr(row, kind.value))
        at = setting.moment(row.at, (*path, "at"))
        within = 0 if row.within is None else (setting.moment(row.within, (*path, "within")) or 0) - setting.start
        until = None if row.until is None else setting.moment(row.until, (*path, "until"))
        self._known(row.customer, customers, (*path, "customer"))
        if rule not in self.plan.rules:
            hint = suggest_words(rule, self.plan.rules)
            message = f"there is no rule '{rule}'" + (f"; {hint}" if hint else "")
            self.report("unknown-rule", message, self.node.place_of((*path, kind.value)))
        elif rule not in rules:
            message = f"'{rule}' is none of the rules that this test names"
            self.report("unnamed-rule", message, self.node.place_of((*path, kind.value)), "add it to `rules`")
        self.found.named.add(rule)
        self._check_reason(row.reason, kind, path)
        if kind is Kind.DEFERRED and row.until is None:
            message = "what is deferred needs 'until'"
            self.report("missing-field", message, self.node.place_of((*path, kind.value), key=True))
        if at is None:
            return None
        node = self.node.at(path)
        places = dict(node.keys or {}) if node is not None else {}
        return Expected(
            kind=kind, rule=rule, customer=row.customer, at=at, within=within, until=until, row=row,
            place=self.node.place_of(path), places=places,
        )  # fmt: skip

    def _check_reason(self, reason: str | None, kind: Kind, path: Path) -> None:
        if reason is None:
            if kind in _WITH_REASON:
                message = f"what is {kind.value} needs its 'reason'"
                self.report("missing-field", message, self.node.place_of((*path, kind.value), key=True))
            return
        words = [one.value for one in Reason]
        if reason not in words:
            hint = suggest_words(reason, words)
            message = f"there is no reason '{reason}'" + (f"; {hint}" if hint else "")
            help_text = None if hint else "one of " + ", ".join(words)
            self.report("unknown-reason", message, self.node.place_of((*path, "reason")), help_text)

    def _known(self, customer: str, known: set[str], path: Path) -> None:
        if customer not in known:
            hint = suggest_words(customer, known)
            message = f"nothing is known of the customer '{customer}'" + (f"; {hint}" if hint else "")
            self.report("unknown-customer", message, self.node.place_of(path), "name it in `customers` or in `given`")


def _log_order(one: Given) -> tuple[int, int]:
    """Return the place in the log (H1); what the test wrote first comes first within it."""
    return (one.instant, Rank.CONTROL if one.record is None else rank_of(one.record))
