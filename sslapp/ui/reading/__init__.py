"""The reading component: a large image, its keys, and an outbox that loses no decision."""

from sslapp.ui.reading.desk import show

__all__ = ["show"]
