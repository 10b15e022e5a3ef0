"""Charts: figures from plain arrays, for the pages and for the report on paper alike.

Every Plotly figure has the look of `look`: a transparent background and no text colour of its own,
so that the page around it, light or dark, decides both.
"""
