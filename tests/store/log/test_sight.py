"""Which decisions were made without sight of anything but the image."""

import pytest

from sslapp.acquisition.disagreement import NAME
from sslapp.store.log.sight import SHOWS_MEMBERS, is_blind, sight_of_strategy
from sslapp.vocabulary import EventKind, Sight


@pytest.mark.parametrize(
    ("kind", "payload", "blind"),
    [
        (EventKind.LABEL, {"sight": "nothing"}, True),
        (EventKind.LABEL, {"sight": "suggestion"}, False),
        (EventKind.LABEL, {"sight": "grid"}, False),
        # before decisions kept it
        (EventKind.LABEL, {}, True),
        (EventKind.LABEL, {"strategy": "typiclust"}, True),
        (EventKind.LABEL, {"strategy": "disagreement"}, False),
        (EventKind.LABEL, {"origin": "duplicate"}, False),
        (EventKind.UNSURE, {"strategy": "margin"}, True),
        (EventKind.AUDIT_LABEL, {}, True),
        (EventKind.AUDIT_NONE, {}, True),
        (EventKind.NONE, {"sight": "nothing"}, True),
        (EventKind.NONE, {"sight": "suggestion"}, False),
        (EventKind.RELABEL, {}, False),
        (EventKind.ACCEPT, {}, False),
        (EventKind.BULK_ACCEPT, {}, False),
        (EventKind.ADJUDICATE, {"sight": "nothing"}, False),
    ],
)
def test_what_was_in_sight_decides(kind, payload, blind) -> None:
    assert is_blind(kind, payload) is blind


def test_the_strategy_that_names_classes_is_the_one_that_shows_members() -> None:
    assert SHOWS_MEMBERS == NAME
    assert sight_of_strategy(NAME) is Sight.SUGGESTION
    assert sight_of_strategy(None) is Sight.NOTHING
