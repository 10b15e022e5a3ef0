"""An OpenID Connect provider on this machine: it believes whoever clicks a name.

Its page lists the accounts it was given; a click is a sign-in. Everything else (discovery, code,
token, signature, nonce) is as the standard has it, so that the server's own client is used.
"""

import html
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

CLIENT = "sslapp"
COOKIE_SECRET = "a secret of the tests with more than enough characters"


class Provider:
    """What the endpoints share: the accounts, the key, and the codes that were handed out.

    Args:
        accounts: what the button says -> the claims of the identity token.
    """

    def __init__(self, accounts: Mapping[str, Mapping[str, Any]]) -> None:
        self.accounts = accounts
        self.key = RSAKey.generate_key(2048, {"kid": "test", "use": "sig"}, private=True)
        self.codes: dict[str, tuple[str, str]] = {}
        self.address = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    async def discovery(self, _: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def authorize(self, request: Request) -> HTMLResponse:
        asked = request.query_params
        links = []
        for name in self.accounts:
            code = secrets.token_urlsafe(16)
            self.codes[code] = (name, asked["nonce"])
            back = f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            links.append(f'<p><a href="{html.escape(back)}">{html.escape(name)}</a></p>')
        return HTMLResponse("<h1>Who are you?</h1>" + "".join(links))

    async def token(self, request: Request) -> JSONResponse:
        form = dict(part.split("=", 1) for part in (await request.body()).decode().split("&"))
        name, nonce = self.codes.pop(form["code"])
        now = int(time.time())
        claims = {
            **{"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": nonce},
            **self.accounts[name],
        }
        token = jwt.encode({"alg": "RS256", "kid": "test"}, claims, self.key)
        return JSONResponse({"access_token": "none", "token_type": "Bearer", "id_token": token})

    async def keys(self, _: Request) -> JSONResponse:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


@contextmanager
def provided(accounts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The address of a provider that runs as long as the block."""
    provider = Provider(accounts)
    server = uvicorn.Server(uvicorn.Config(provider.app(), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
        assert thread.is_alive(), "the provider did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    provider.address = f"http://localhost:{port}"
    yield provider.address
    server.should_exit = True
    thread.join()


def secrets_file(
    provider: str, redirect_uri: str = "http://localhost:{port}/oauth2callback"
) -> str:
    """The text of a secrets.toml by which people sign in at that provider."""
    return f"""[auth]
redirect_uri = "{redirect_uri}"
cookie_secret = "{COOKIE_SECRET}"
client_id = "{CLIENT}"
client_secret = "not needed"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""
