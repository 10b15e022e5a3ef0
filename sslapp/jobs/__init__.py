"""Long pieces of work: a queue in the database and a worker that takes one job at a time.

The room knows kinds of job, not their content: whoever starts a worker hands it the handlers.
"""
