"""A certificate as a file that proves itself: the statement with the log that it follows from.

Whoever has the file recomputes hash chain, labels, queues and bounds from it, without the workspace
and without an image.
"""

import io
import itertools
import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sslapp import durable
from sslapp.store.database import open_database, reading, writing
from sslapp.store.errors import Damaged
from sslapp.store.log import transcript
from sslapp.store.log.verify import ChainWalk, chain
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.certificate import Certificate, certificate_of
from sslapp.usecases.auditing.opened import other_weights

STATEMENT, FACTS, LOG = "certificate.json", "facts.json", "log.jsonl"


def write_certificate(access: Access, project: str | int | None, path: Path) -> Certificate:
    """Write the project's certificate with its log to a zip file; the file appears whole or not.

    Raises:
        OSError: when it cannot be written.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = certificate_of(conn, project_id)
        about = transcript.facts(conn, project_id)
        log = "".join(_line(each) for each in transcript.lines(conn, project_id))
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(STATEMENT, json.dumps(asdict(found), indent=1, ensure_ascii=False))
        archive.writestr(FACTS, json.dumps(about, ensure_ascii=False))
        archive.writestr(LOG, log)
    durable.write_bytes(path, kept.getvalue())
    return found


def verify_certificate(path: Path) -> Certificate:
    """Recompute a certificate from its file alone.

    Raises:
        Damaged: when the file is none, its log was changed, or something else follows from it.
        OSError: when it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            stated = json.loads(archive.read(STATEMENT))
            about = json.loads(archive.read(FACTS))
            log = [json.loads(line) for line in archive.read(LOG).decode().splitlines()]
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise Damaged(f"{path}: this is no certificate of sslapp ({error}).") from None
    with tempfile.TemporaryDirectory(prefix="sslapp-") as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'log.db'}")
        try:
            with writing(engine) as conn:
                project_id = transcript.restore(conn, about, log)
                checks = (chain(conn, project_id, ChainWalk()), other_weights(conn, project_id))
                wrong = next(itertools.chain(*checks), None)
                if wrong is not None:
                    raise Damaged(f"{path}: {wrong.partition(' Restore')[0]}")
                found = certificate_of(conn, project_id)
        finally:
            engine.dispose()
    if json.loads(json.dumps(asdict(found))) != stated:
        raise Damaged(f"{path}: from its log follows another certificate than it states.")
    return found


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n"
