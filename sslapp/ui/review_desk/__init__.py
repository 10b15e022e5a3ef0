"""The review desk: a grid of candidates, the focused one with its evidence, keyboard decisions."""

from sslapp.ui.review_desk.desk import Bulk, Outdated, Similar, show

__all__ = ["Bulk", "Outdated", "Similar", "show"]
