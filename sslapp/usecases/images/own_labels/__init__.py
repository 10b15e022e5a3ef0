"""Labels of an own export, brought in with who gave them, when, where and how.

Each label keeps its source: an expert's stays an expert's, an accepted one accepted. What is drawn
for the holdout stays out of training. What cannot be kept is in a plan, before it is lost.
"""
