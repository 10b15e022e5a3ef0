"""Metadata: what lists say of images beside their classes, such as age, view or scanner."""
