"""The quarantine: what imports hold back, and what becomes of it; for a project's admins alone.

An image is held back as long as its import is done, its file lies there, the project has no image
of its name, and no job was told to delete it. So one transaction takes it from state to state.
"""
