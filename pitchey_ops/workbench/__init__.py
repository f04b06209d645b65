"""JupyterLab on an incident: working copies, the incident bar, action cards, drills by hand."""
