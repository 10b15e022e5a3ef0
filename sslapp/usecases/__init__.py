"""One function per intention: take the actor, check the role, one transaction.

Pages, routes and the command line call these and nothing below.
"""
