"""Who uses the program from a browser: one answer, for pages and for routes.

In *local mode* that is one reader at a time: the account that runs the program, or the name that
somebody took on the page, which is no password; the server answers this machine alone. In *team
mode* people sign in with an OpenID Connect provider, and Streamlit keeps who they are in a
signed cookie. Team mode is what an `[auth]` section in Streamlit's secrets.toml means.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from sqlalchemy import Engine
from starlette.requests import Request
from streamlit.errors import StreamlitSecretNotFoundError

from sslapp.usecases.access import Access, NotAllowed, account, admit, open_workspace, verified_name
from sslapp.usecases.people.names import under_name
from sslapp.web.streamlit_internals import can_sign_in, sign_in_origin, signed_claims
from sslapp.workspace import Workspace

SHORTEST_SECRET = 32
"""Characters; who guesses the cookies' secret can be anybody."""


@dataclass(frozen=True)
class SignIn:
    """How people sign in.

    Attributes:
        origin: where the browser reaches this server, as in "https://labels.example.org".
        providers: names for `st.login`; "default" for one that has no name.
    """

    origin: str
    providers: tuple[str, ...]

    @property
    def host(self) -> str:
        """The name of this server, without port."""
        return urlsplit(self.origin).hostname or ""


@lru_cache(maxsize=1)
def sign_in() -> SignIn | None:
    """How people sign in; None in local mode.

    Decided once: secrets that vanish while the server runs must not open it to everybody.

    Raises:
        ValueError: when the secrets cannot be read or the section [auth] is incomplete.
    """
    try:
        auth = st.secrets.to_dict().get("auth")
    except StreamlitSecretNotFoundError as error:
        if error.error_id == "no-secrets-found":
            return None
        raise ValueError(f"Who may use this server cannot be decided. {error}") from error
    if auth is None:
        return None
    return _checked(auth if isinstance(auth, Mapping) else {})


def _checked(auth: Mapping[str, Any]) -> SignIn:
    origin = sign_in_origin()
    address = urlsplit(str(auth.get("redirect_uri", "")))
    named = [
        name for name, each in auth.items() if isinstance(each, Mapping) and "client_id" in each
    ]
    providers = ("default", *named) if "client_id" in auth else tuple(named)
    faults = {
        "redirect_uri must be this server's address and end in /oauth2callback": (
            address.scheme in ("http", "https")
            and bool(address.hostname)
            and address.path.endswith("/oauth2callback")
        ),
        f"cookie_secret must have {SHORTEST_SECRET} characters or more, drawn at random": (
            len(str(auth.get("cookie_secret", ""))) >= SHORTEST_SECRET
        ),
        "client_id, client_secret and server_metadata_url must name a provider": bool(providers),
        "Authlib must be installed (pip install 'streamlit[auth]')": can_sign_in(),
    }
    missing = [fault for fault, fine in faults.items() if not fine]
    if missing:
        raise ValueError(
            f"Signing in is not set up, in secrets.toml, [auth]: {'; '.join(missing)}."
        )
    return SignIn(origin, providers)


def current_reader(claims: Callable[[], Mapping[str, Any]], taken: int | None = None) -> Access:
    """Who acts.

    Args:
        claims: gives what the identity provider said of who signed in, {} for nobody; asked in
            team mode only.
        taken: number of the reader whose name was taken on the page; in local mode only.

    Raises:
        NotSignedIn: when nobody has signed in.
        NotAllowed: when the reader is set inactive or has no verified e-mail address, or a name
            was taken that is none here.
    """
    workspace = Workspace()
    engine = _engine(str(workspace.root), str(workspace.url))
    if sign_in() is None:
        own = admit(workspace, engine, account(), server_admin=True)
        return own if taken in (None, own.reader_id) else under_name(own, taken)
    if taken is not None:
        raise NotAllowed("Here people sign in, and take no name on the page. Reload the page.")
    name = verified_name(claims())
    return admit(workspace, engine, name, server_admin=name in workspace.server_admins)


def reader_of(request: Request, taken: int | None = None) -> Access:
    """The reader who sends this request; the same answer as a page gets.

    Args:
        taken: as for `current_reader`, as the page put it into its addresses.

    Raises:
        NotSignedIn: when the request carries no cookie that Streamlit signed for this server.
        NotAllowed: when the reader is set inactive or has no verified e-mail address.
    """
    return current_reader(lambda: _claims(request), taken)


def has_signed_in(request: Request) -> bool:
    """Whether the request carries the cookie of somebody who has signed in, whoever that is."""
    return _claims(request).get("is_logged_in") is True


def _claims(request: Request) -> Mapping[str, Any]:
    how = sign_in()
    return {} if how is None else signed_claims(request.cookies, how.origin)


@lru_cache(maxsize=4)
def _engine(root: str, url: str) -> Engine:
    # the arguments are the cache's key: another workspace is another database
    return open_workspace(Workspace())
