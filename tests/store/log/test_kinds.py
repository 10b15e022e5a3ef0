"""The table of event kinds is whole, agrees with itself, and is the only list of kinds."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sslapp.store.log.kinds import READER_ACTIONS, RULES, Action, Effect, Names, kinds_where
from sslapp.vocabulary import EventKind

SSLAPP = Path(__file__).parents[3] / "sslapp"
THE_TABLE = SSLAPP / "store" / "log" / "kinds.py"
DECLARED = SSLAPP / "vocabulary.py"

LISTS = (ast.Set, ast.Tuple, ast.List, ast.Dict, ast.Compare, ast.BoolOp)


def listings(text: str) -> list[str]:
    """The innermost expressions that list or compare two or more event kinds."""
    return [ast.unparse(node) for node in _listings(ast.parse(text))]


def _listings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if not isinstance(node, LISTS) or _named(node) < 2:
            continue
        inner = (each for each in ast.walk(node) if each is not node and isinstance(each, LISTS))
        if all(_named(each) < 2 for each in inner):
            yield node


def _named(node: ast.AST) -> int:
    """How many kinds an expression names; keyword arguments of calls are no listing."""
    return len({name for each in ast.walk(node) if (name := _kind(each)) is not None})


def _kind(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    return node.attr if node.value.id == "EventKind" and node.attr.isupper() else None


def test_every_kind_has_its_row() -> None:
    assert set(RULES) == set(EventKind)
    assert all(rule.kind is kind for kind, rule in RULES.items())


@pytest.mark.slow
def test_no_other_module_lists_kinds() -> None:
    found = {
        str(path.relative_to(SSLAPP)): listed
        for path in SSLAPP.rglob("*.py")
        if path not in (THE_TABLE, DECLARED) and (listed := listings(path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "planted",
    [
        "PASSED_OVER = {EventKind.SKIP, EventKind.FLAG}",
        "PASSED_OVER = frozenset([EventKind.SKIP.value, EventKind.FLAG.value])",
        "SAID = {EventKind.SKIP: 'skipped', EventKind.FLAG: 'flagged'}",
        "if kind in (EventKind.SKIP, EventKind.FLAG): pass",
        "if kind is EventKind.SKIP or kind is EventKind.FLAG: pass",
        "query.where(event.c.kind.in_([EventKind.SKIP, EventKind.FLAG]))",
        "kind: Literal[EventKind.SKIP, EventKind.FLAG]",
    ],
)
def test_a_planted_list_is_found_in_the_source_of_any_module(planted: str) -> None:
    source = (SSLAPP / "store" / "snapshots.py").read_text("utf-8")
    assert len(listings(f"{source}\n{planted}\n")) == 1


@pytest.mark.parametrize(
    "allowed",
    [
        "if kind is EventKind.SKIP: pass\nelif kind is EventKind.FLAG: pass",
        "kind = EventKind.SKIP if passed else EventKind.FLAG",
        "append(conn, 1, EventKind.SKIP); append(conn, 1, EventKind.FLAG)",
    ],
)
def test_naming_kinds_one_by_one_is_no_list(allowed: str) -> None:
    assert listings(allowed) == []


def test_rows_agree_with_themselves() -> None:
    for kind, rule in RULES.items():
        assert (rule.source is not None) == (rule.effect is Effect.LABEL), kind
        assert rule.folded <= (rule.names is not Names.NONE), kind
        assert rule.class_each <= (rule.names is Names.MANY), kind
        assert not (rule.class_each and rule.takes_class), kind
        assert rule.undoable <= (rule.action is not None or rule.imported), kind
        assert rule.imported <= (rule.undoable and rule.action is None and rule.folded), kind
        assert rule.bulk <= bool(rule.past) <= (rule.action is not None), kind
        gives_class = rule.takes_class or rule.class_each or rule.classes_out
        assert rule.classes_out <= (rule.names is Names.ONE), kind
        assert (rule.settles or rule.outvotes) <= rule.folded, kind
        assert not (rule.settles and rule.outvotes), kind
        assert (rule.effect in (Effect.LABEL, Effect.FORBID)) <= gives_class, kind


def test_what_an_undo_may_change_enters_the_snapshot() -> None:
    """An undo of an event that is in snapshots changes them; so do undos of undos."""
    undo = RULES[EventKind.UNDO]
    assert undo.in_snapshot
    assert undo.undoable


def test_a_snapshot_takes_these_kinds() -> None:
    """A kind that is added or moves changes the event number of snapshots: think, then edit."""
    assert kinds_where(lambda rule: rule.in_snapshot) == tuple(
        EventKind(name)
        for name in [
            "label",
            "adjudicate",
            "unsure",
            "none",
            "accept",
            "reject",
            "relabel",
            "bulk_accept",
            "bulk_relabel",
            "bulk_label",
            "undo",
            "import_expert",
            "import_adjudicated",
            "import_accepted",
            "import_none",
            "audit_label",
            "audit_unsure",
            "audit_none",
            "draw_holdout",
            "import",
            "withdraw_import",
            "add_class",
            "retire_class",
        ]
    )


def test_reader_actions_are_grouped_for_the_report() -> None:
    groups = {
        action: [k for k, rule in RULES.items() if rule.action is action] for action in Action
    }
    assert sum(map(len, groups.values())) == len(READER_ACTIONS)
    assert all(groups.values())
    assert groups[Action.NOTE] == [EventKind.UNSURE, EventKind.SKIP, EventKind.FLAG]
    assert groups[Action.VERDICT] == [EventKind.ACCEPT, EventKind.REJECT, EventKind.RELABEL]
