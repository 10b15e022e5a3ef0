"""What the server does besides pages: routes, what is answered at all, one local worker."""

from starlette.middleware import Middleware

from sslapp.web import (
    audits,
    browser_code,
    decisions,
    downloads,
    health,
    images,
    inspection,
    progress_stamp,
    uploads,
)
from sslapp.web.deep_links import DeepLinks
from sslapp.web.security import KnownHostOnly, OwnFiguresOnly, SameOriginWrites, SecurityHeaders
from sslapp.web.supervision import lifespan

__all__ = ["lifespan", "middleware", "routes"]

routes = [
    *health.routes,
    *browser_code.routes,
    *decisions.routes,
    *audits.routes,
    *images.routes,
    *inspection.routes,
    *progress_stamp.routes,
    *downloads.routes,
    *uploads.routes,
]
middleware = [
    Middleware(SecurityHeaders),
    Middleware(KnownHostOnly),
    Middleware(OwnFiguresOnly),
    Middleware(SameOriginWrites),
    Middleware(DeepLinks),
]
