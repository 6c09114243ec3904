"""From a project folder to a compiled plan: reads everything, collects every problem, compiles what is sound.

The order: config, streams (they make the schema), definitions, rules and templates against the schema, then what
profiles must keep for them. A plan exists only without errors. No clock, no network, no state.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from relight.base.ids import digest
from relight.base.problems import Problem, sort_problems
from relight.config.codes import check_codes
from relight.config.config_file import ConfigFile, read_config
from relight.config.folder import DEFINITIONS_FILE, MEASURES_FILE, FolderFiles, read_folder
from relight.config.letter_facts import KnownLetters
from relight.config.letter_reading import LetterReading
from relight.config.links import web_problems
from relight.config.measure_plan import MeasurePlan
from relight.config.measures import Around, compile_measures, customer_types, default_measures
from relight.config.model_problems import read_model
from relight.config.own_events import declare_own_events
from relight.config.places import settle_places
from relight.config.policy import compile_policy, idle_account_problems, names_accounts
from relight.config.settings import Settings, read_settings
from relight.config.stand_ins import StandIn, problems_beside, stand_in
from relight.config.surroundings import surroundings_of
from relight.config.surveys import read_surveys
from relight.config.variables import expand
from relight.config.yaml_nodes import YamlNode
from relight.config.yaml_reader import read_yaml
from relight.customers.layout import LayoutBuilder
from relight.rules.compile import RuleSource, compile_rules, slack_of
from relight.rules.conditions import Scope
from relight.rules.definitions import Definitions, compile_definitions, read_definitions
from relight.rules.guard_alerts import guard_alert_problems
from relight.rules.models import DefinitionsModel, RuleModel
from relight.rules.plan import Plan, Policy
from relight.rules.texts import Texts
from relight.streams.declaration import StreamModel, StreamPlan, compile_stream, merge_schemas
from relight.streams.schema import LATENESS_DEFAULT, Schema
from relight.streams.surveys import declare_answers

#: After these a tree lacks entries, whose absence would be blamed.
_INCOMPLETE = frozenset({"key-not-text", "merge-key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedProject:
    """A project folder, as far as it is sound."""

    #: None where there is any error.
    plan: Plan | None
    #: Compiled streams by name (the file's name without its ending).
    streams: Mapping[str, StreamPlan] = field(default_factory=dict)
    #: None where the config has errors.
    settings: Settings | None = None
    #: None where there is any error.
    measures: MeasurePlan | None = None
    #: Sorted by place.
    problems: list[Problem] = field(default_factory=list)
    #: path below the folder -> text, for showing lines.
    sources: Mapping[str, str] = field(default_factory=dict)
    #: Number of rules and templates found.
    rules_found: int = 0
    templates_found: int = 0
    #: Where relative paths of the project begin.
    folder: Path = Path()

    @property
    def is_missing(self) -> bool:
        """Whether there is no project at all, or its config cannot be read (exit 78)."""
        codes = {"missing-folder", "missing-config"}
        return any(p.code in codes for p in self.problems)


#: Texts by path on which the templates' findings depend -> what earlier loads found of just these.
KnowsLetters: TypeAlias = Callable[[Mapping[str, str]], KnownLetters]


def load_project(
    folder: Path, *, environment: str | None = None, env: Mapping[str, str], lint: bool = True
) -> LoadedProject:
    """Return the project of a folder with all its problems.

    Args:
        folder: the project folder.
        environment: name of the overlay config/<environment>.yaml; None for none.
        env: the variables that `${NAME}` stands for.
        lint: also read the content of every letter as rendered for made-up customers. Left out where nothing can be
            sent, and for plans that were accepted before.
    """
    return with_codes(load_files(read_folder(folder), environment=environment, env=env, lint=lint), folder)


def with_codes(loaded: LoadedProject, folder: Path) -> LoadedProject:
    """Return a project with the problems of the files of codes in its folder."""
    wrong = [] if loaded.settings is None else check_codes(folder, loaded.settings.codes)
    if wrong:
        loaded = replace(loaded, plan=None, measures=None, problems=sort_problems([*loaded.problems, *wrong]))
    return replace(loaded, folder=folder)


def load_files(
    files: FolderFiles,
    *,
    environment: str | None = None,
    env: Mapping[str, str],
    lint: bool = True,
    known: KnowsLetters | None = None,
) -> LoadedProject:
    """Return the project of files that were read already, as `load_project` does.

    known: gives what earlier loads found of the templates. A plan made with it may have no letters that can be read:
    it is only for telling problems.
    """
    loading = _Loading(files=files, env=env, problems=list(files.problems), lint=lint, known=known)
    config = _load_config(loading, environment)
    streams, schema = _load_streams(loading)
    if schema is not None and config.model is not None and config.node is not None:
        surveys, problems = read_surveys(config.model, config.node.place_of)
        schema, more = declare_answers(schema, surveys)
        loading.problems += [*problems, *more]
    measures = _load_measures(loading, schema, config)
    if schema is not None:
        schema, problems = declare_own_events(schema, config, measures)
        loading.problems += problems
    definitions_model = _load_definitions(loading)
    sources = _load_rules(loading)
    made: _Made | None = None
    if schema is not None and (definitions_model is not None or DEFINITIONS_FILE not in files.rules):
        made = _compile(loading, config, schema, definitions_model, (streams, sources, measures))
    settings = None
    if config.model is not None and config.node is not None:
        settings, found = read_settings(config.model, config.node.place_of)
        loading.problems += found
    texts = files.texts()
    problems = sort_problems(settle_places(loading.problems, texts))
    failed = any(p.severity == "error" for p in problems)
    return LoadedProject(
        plan=made.plan if made is not None and not failed else None,
        streams=streams,
        settings=None if config.model is None else settings,
        measures=made.measures if made is not None and not failed else None,
        problems=problems,
        sources=texts,
        rules_found=sum(path != DEFINITIONS_FILE for path in files.rules),
        templates_found=made.letters_found if made else _count_letters(files),
    )


def _texts_behind_letters(files: FolderFiles) -> dict[str, str]:
    """Return every text but rules and their tests: of those, only which letters are marketing counts."""
    own = {path: text for path, text in files.rules.items() if path == DEFINITIONS_FILE}
    templates = {f"templates/{path}": text for path, text in files.templates.items()}
    return {**files.streams, **files.config, **files.mappings, **own, **templates}


def _count_letters(files: FolderFiles) -> int:
    from relight.templates import scan_letters  # noqa: PLC0415 - only where nothing could be compiled

    return len(scan_letters(files.templates).letters)


@dataclass(slots=True, kw_only=True)
class _Loading:
    """One load on its way."""

    files: FolderFiles
    env: Mapping[str, str]
    problems: list[Problem]
    #: Letters are rendered and read back.
    lint: bool
    #: Gives what earlier loads found of templates; None where nothing is kept.
    known: KnowsLetters | None = None
    #: What belongs to the plan's version: path -> canonical text.
    meaning: dict[str, str] = field(default_factory=dict)
    #: Rules in whose files something has a wrong form.
    stand_ins: list[StandIn] = field(default_factory=list)

    def read(self, path: str, text: str) -> YamlNode | None:
        """Return the tree of a file."""
        node, problems = read_yaml(text, path)
        self.problems += problems
        return None if any(problem.code in _INCOMPLETE for problem in problems) else node

    def mean(self, path: str, value: object) -> None:
        """Count a value to the plan's version."""
        self.meaning[path] = json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What was compiled."""

    plan: Plan
    measures: MeasurePlan
    letters_found: int


# ---------------------------------------------------------------- files
def _load_config(loading: _Loading, environment: str | None) -> ConfigFile:
    texts = loading.files.config
    base = loading.read("config/default.yaml", texts["config/default.yaml"]) if "config/default.yaml" in texts else None
    overlay: YamlNode | None = None
    if environment is not None:
        path = f"config/{environment}.yaml"
        if path in texts:
            overlay = loading.read(path, texts[path])
        else:
            loading.problems.append(_missing_environment(environment, texts))
    if base is None:
        return ConfigFile(model=None, node=None)
    config = read_config(base, overlay, loading.env)
    loading.problems += config.problems
    loading.mean("config", config.meaning())
    return config


def _missing_environment(environment: str, texts: Mapping[str, str]) -> Problem:
    from relight.base.problems import Place  # noqa: PLC0415 - only here
    from relight.base.suggest import suggest_words  # noqa: PLC0415 - only here

    known = [path.removeprefix("config/").removesuffix(".yaml") for path in texts if path != MEASURES_FILE]
    advice = suggest_words(environment, known)
    message = f"there is no config for the environment '{environment}'" + (f"; {advice}" if advice else "")
    return Problem(code="missing-environment", message=message, place=Place(file=f"config/{environment}.yaml"))


def _load_streams(loading: _Loading) -> tuple[dict[str, StreamPlan], Schema | None]:
    """Return the streams, and the schema where all of them are sound: half a schema would blame the rules."""
    streams: dict[str, StreamPlan] = {}
    is_sound = bool(loading.files.streams)
    for path, text in loading.files.streams.items():
        node = loading.read(path, text)
        if node is None:
            is_sound = False
            continue
        loading.mean(path, node.value)
        name = _stem(path)
        value = node.value
        source = node.at(("source",))
        if source is not None and isinstance(value, dict):
            filled, problems = expand(source, loading.env)
            loading.problems += problems
            value = {**value, "source": filled}
        model, problems = read_model(StreamModel, node, f"stream '{name}'", value=value)
        loading.problems += problems
        plan = None
        if model is not None:
            plan, problems = compile_stream(name, model, node.place_of)
            loading.problems += problems
        if plan is None:
            is_sound = False
        else:
            streams[name] = plan
    for path, text in loading.files.mappings.items():
        loading.meaning[path] = text
    if not is_sound:
        return streams, None
    schema, problems = merge_schemas(list(streams.values()))
    loading.problems += problems
    return streams, schema


def _load_definitions(loading: _Loading) -> tuple[DefinitionsModel, YamlNode] | None:
    text = loading.files.rules.get(DEFINITIONS_FILE)
    node = loading.read(DEFINITIONS_FILE, text) if text is not None else None
    if node is None:
        return None
    loading.mean(DEFINITIONS_FILE, node.value)
    model, problems = read_model(DefinitionsModel, node, "definitions")
    loading.problems += problems
    return None if model is None else (model, node)


def _load_rules(loading: _Loading) -> list[RuleSource]:
    sources = []
    for path, text in loading.files.rules.items():
        node = loading.read(path, text) if path != DEFINITIONS_FILE else None
        if node is None:
            continue
        loading.mean(path, node.value)
        name = _stem(path)
        model, problems = read_model(RuleModel, node, f"rule '{name}'")
        loading.problems += problems
        if model is not None:
            sources.append(RuleSource(id=name, model=model, place_of=node.place_of))
        elif (one := stand_in(name, node)) is not None:
            loading.stand_ins.append(one)
    return sources


def _load_measures(loading: _Loading, schema: Schema | None, config: ConfigFile) -> MeasurePlan:
    """Return what measures are computed from; the definitions are added once they are read."""
    rules = frozenset(_stem(path) for path in loading.files.rules if path != DEFINITIONS_FILE)
    around = Around(schema=schema or Schema(), config=config.model, rules=rules)
    text = loading.files.config.get(MEASURES_FILE)
    node = loading.read(MEASURES_FILE, text) if text is not None else None
    if node is None:
        return default_measures(around)
    if isinstance(node.value, dict):
        # Funnels and boards change no decision.
        told = ("sources", "period", "lifetime", "efforts", "targets")
        loading.mean(MEASURES_FILE, {key: node.value.get(key) for key in told})
    from relight.config.measure_models import MeasuresModel  # noqa: PLC0415 - many projects have no such file

    model, problems = read_model(MeasuresModel, node, "the measures")
    loading.problems += problems
    if model is None or schema is None:
        return default_measures(around)
    texts = Texts(scope=Scope(schema=schema), binder=LayoutBuilder(schema), place_of=node.place_of)
    measures = compile_measures(model, texts, around)
    loading.problems += texts.problems
    return measures


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(".yaml")


# ---------------------------------------------------------------- compiling
def _compile(
    loading: _Loading,
    config: ConfigFile,
    schema: Schema,
    definitions_model: tuple[DefinitionsModel, YamlNode] | None,
    files: tuple[Mapping[str, StreamPlan], list[RuleSource], MeasurePlan],
) -> _Made:
    streams, sources, measures = files
    served = customer_types(measures)
    has_accounts = names_accounts(config.model)
    definitions = Definitions(measures=served, has_accounts=has_accounts)
    if definitions_model is not None:
        model, node = definitions_model
        definitions, problems = read_definitions(model, node.place_of, schema, served, has_accounts=has_accounts)
        loading.problems += problems
    lateness = max((stream.lateness for stream in streams.values()), default=LATENESS_DEFAULT.elapsed)
    builder = LayoutBuilder(schema, lateness=lateness, slack=slack_of(sources))
    known = None if loading.known is None else loading.known(_texts_behind_letters(loading.files))
    reading = LetterReading(loading.files.templates, schema, definitions, known)
    around = surroundings_of(config, schema, definitions, reading.facts)
    rules, problems, names = compile_rules(sources, around, builder)
    loading.problems += _own([*problems, *problems_beside(loading.stand_ins, around)])
    place_of = (
        config.node.place_of
        if config.node is not None
        else YamlNode(file="config/default.yaml", line=0, column=0).place_of
    )
    texts = Texts(scope=definitions.scope(schema), binder=builder, place_of=place_of)
    policy = Policy()
    if config.model is not None:
        fields = frozenset(stream.account_field for stream in streams.values() if stream.account_field)
        policy, problems = compile_policy(config.model, place_of, texts, account_fields=fields)
        loading.problems += [*problems, *web_problems(config.model, rules, place_of)]
    letters = reading.compile(texts, rules, config.model, lint=loading.lint)
    loading.problems += [*letters.problems, *_own(texts.problems)]
    values, segments = compile_definitions(definitions, [*names, *texts.names], builder)
    for path, text in loading.files.templates.items():
        loading.meaning[f"templates/{path}"] = text
    plan = Plan(
        version=digest(*(part for path in sorted(loading.meaning) for part in (path, loading.meaning[path]))),
        schema=schema,
        rules=rules,
        policy=policy,
        layout=builder.build(),
        letters=letters.letters,
        values=values,
        segments=segments,
        members=builder.counted_members,
        lists=definitions.lists,
    )
    if config.model is not None and not any(problem.severity == "error" for problem in loading.problems):
        loading.problems += idle_account_problems(plan, place_of)
        if config.model.volume is not None:
            loading.problems += guard_alert_problems(rules, place_of(("volume",), key=True))
    measures = replace(measures, definitions=definitions, lateness=lateness)
    return _Made(plan=plan, measures=measures, letters_found=len(reading.facts.letters))


def _own(problems: list[Problem]) -> list[Problem]:
    """Return the problems without those of the definitions, which were told already, once."""
    return [problem for problem in problems if problem.place.file != DEFINITIONS_FILE]
