"""Transductive prototypes: features made alike, class means moved by balanced soft assignments."""
