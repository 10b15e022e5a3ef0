"""What the server does besides pages: routes, security headers, Host check, one local worker."""

from starlette.middleware import Middleware

from sslapp.web import health
from sslapp.web.security import LocalHostOnly, SecurityHeaders
from sslapp.web.supervision import lifespan

__all__ = ["lifespan", "middleware", "routes"]

routes = [*health.routes]
middleware = [Middleware(SecurityHeaders), Middleware(LocalHostOnly)]
