"""
Panels that answer back, in an interactive kernel: the only home of ipywidgets.

A live panel knows nothing above this layer. What it may ask, write and record is a `desk.Desk` that the kernel
injects; what it may change is a `actions.Doer`. Each has a static twin, which is what a saved file holds: a widget
without its kernel shows nothing.
"""
