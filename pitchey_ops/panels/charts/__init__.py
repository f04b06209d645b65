"""
The charts: one module for each question, one function a panel.

Every function takes frames or plain values and returns a `Panel`. With nothing to draw it returns a panel that says
so and why (``why_empty``), never an empty picture.
"""
