"""Statements compiled once for all SQLite databases of a test process, not once for each.

SQLAlchemy keeps what it has compiled with the engine and its dialect. The program has one engine;
its tests open more than a thousand databases, one after the other, and would spend more time on
compiling the same few hundred statements than on running them.
"""

from typing import Any

from sqlalchemy import util
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine

MOST = 4000
"""Statements kept."""


def compile_once() -> None:
    """Let all engines on SQLite that are made from here on share what they compile."""
    compiled: util.LRUCache[Any, Any] = util.LRUCache(MOST)
    made = Engine.__init__

    def make(engine: Engine, *args: Any, **named: Any) -> None:
        made(engine, *args, **named)
        if type(engine.dialect) is SQLiteDialect_pysqlite:
            engine._compiled_cache = compiled

    Engine.__init__ = make  # type: ignore[method-assign]
    # the dialect is part of a statement's key: they differ in nothing but the database they are at
    SQLiteDialect_pysqlite.__eq__ = lambda one, other: type(one) is type(other)
    SQLiteDialect_pysqlite.__hash__ = lambda one: hash(type(one))
