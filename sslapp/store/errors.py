"""What the store refuses, and why; every message is a sentence a page may show."""


class Refused(ValueError):
    """A command that the project's present state or the rules of the log do not allow."""


class KeyReused(Refused):
    """An idempotency key came back with another content."""


class OtherWorkspace(Refused):
    """A request, a database or a file that belongs to another workspace."""


class OtherImage(Refused):
    """A decision about an image that is not the one at that position."""


class DatabaseMissing(Refused):
    """No database where files of projects lie that belong to one."""


class DatabaseGone(Refused):
    """The database's file was deleted or replaced while it was open."""


class Unknown(LookupError):
    """A project, snapshot or image set that is not in the database."""


class NotFinished(Unknown, Refused):
    """A round that is not in the database, or has not finished yet."""


class NotCovered(Unknown, Refused):
    """An image that came after a round's snapshot."""


class DatabaseTooNew(RuntimeError):
    """The database was written by a later version of this program."""


class Damaged(RuntimeError):
    """A stored file does not hold what its row promises."""
