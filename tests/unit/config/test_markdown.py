"""The YAML blocks of a Markdown file are checked like the files they show."""

from __future__ import annotations

from relight.config.markdown import check_markdown, yaml_blocks

TEXT = """# Rules

A rule:

```yaml
trigger: {inactve: 30 days}
send: nudge
```

1. In a list:

   ~~~yaml
   source: {fil: data.csv}
   name: event
   ~~~

```yaml
anything: [1, 2
```

```python
trigger: {nothing: of ours}
```

```yaml fragment
trigger: {nothing: of ours}
```

```yaml
just: a mapping
```
"""


def test_blocks() -> None:
    """Fences of both sorts are found, with their line and indentation; other languages are not."""
    found = [(block.line, block.indent, block.note) for block in yaml_blocks(TEXT)]
    assert found == [(6, 0, ""), (13, 3, ""), (18, 0, ""), (26, 0, "fragment"), (30, 0, "")]


def test_problems_stand_in_the_markdown() -> None:
    """A rule, a stream and a broken block are told at their places; a fragment is read for its form alone."""
    found = [(str(problem.place), problem.code) for problem in check_markdown(TEXT, "docs/x.md")]
    assert found == [
        ("docs/x.md:6:11", "unknown-field"),
        ("docs/x.md:13:13", "unknown-field"),
        ("docs/x.md:19:1", "yaml-syntax"),
    ]


def test_an_open_fence_runs_to_the_end() -> None:
    """A block that is not closed is read to the end of the file."""
    assert [block.text for block in yaml_blocks("```yaml\na: 1\n")] == ["a: 1\n\n"]


def test_measures_in_markdown() -> None:
    """Measures in a page are read as the file they show."""
    text = "```yaml\nsources: {ordr: order_placed}\nboards: {all: [revenue]}\n```\n"
    found = [(str(problem.place), problem.code) for problem in check_markdown(text, "docs/x.md")]
    assert found == [("docs/x.md:2:11", "unknown-field")]
