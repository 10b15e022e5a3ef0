"""A project whose pool was accepted in one go: labels that nobody has looked at."""

from pathlib import Path

import numpy as np
import pytest
import small_project

from sslapp.usecases.auditing import opening
from sslapp.usecases.reviewing.bulk_decisions import bulk_accept
from sslapp.usecases.reviewing.candidates import propose


@pytest.fixture(scope="session")
def with_accepted(with_round, tmp_path_factory) -> Path:
    """The project of `small_project` with every proposal of its round accepted in bulk, closed."""
    root = tmp_path_factory.mktemp("with-accepted") / "workspace"
    access = small_project.copy(with_round, root)
    proposed = propose(access, None, threshold=0.0).candidates.positions
    bulk_accept(access, None, np.sort(proposed), unproven=True)
    access.engine.dispose()
    return root


@pytest.fixture
def accepted(with_accepted, open_copy, monkeypatch):
    """A copy of that project whose audits all draw the same."""
    monkeypatch.setattr(opening, "fresh_seed", lambda: 11)
    return open_copy(with_accepted)
