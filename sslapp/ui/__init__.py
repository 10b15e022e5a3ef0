"""Streamlit building blocks that pages are put together from."""
