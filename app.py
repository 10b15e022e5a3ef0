"""The application: `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from sslapp.web import lifespan, middleware, routes

MAIN = Path(__file__).parent / "sslapp" / "main.py"

app = st.App(MAIN, routes=routes, middleware=middleware, lifespan=lifespan)
