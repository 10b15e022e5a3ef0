"""Simulated readers and the loop they play.

What a loop does to a project stands behind the `Desk` protocol, so that this room knows nothing
of databases and the use cases know nothing of simulation.
"""
