"""A project whose pool was accepted in one go: labels that nobody has looked at."""

import numpy as np
import pytest

from sslapp.usecases.auditing import opening
from sslapp.usecases.reviewing.bulk_decisions import bulk_accept
from sslapp.usecases.reviewing.candidates import propose


@pytest.fixture
def accepted(with_round, open_copy, monkeypatch):
    """The project of `small_project` with every proposal of its round accepted in bulk."""
    monkeypatch.setattr(opening, "fresh_seed", lambda: 11)
    access = open_copy(with_round)
    proposed = propose(access, None, threshold=0.0).candidates.positions
    bulk_accept(access, None, np.sort(proposed), unproven=True)
    return access
