"""How a session's JupyterLab differs from the ordinary one: the incident bar stays in sight while one scrolls."""

from __future__ import annotations

BAR = 'section[aria-label="Incident"]'
"""The incident bar, living or static (`panels.live.standing.bar_html`)."""

STYLE = f"""
.jp-Notebook .jp-Cell:has({BAR}) {{
  position: sticky;
  top: 0;
  z-index: 6;
  padding-top: 2px;
  padding-bottom: 2px;
  background: var(--jp-layout-color0) !important;  /* also while it is the active cell, which is see-through */
  box-shadow: 0 4px 6px -4px rgba(0, 0, 0, 0.45);
}}
.jp-Notebook .jp-Cell:has({BAR}) .jp-Cell-outputWrapper {{ margin-top: 0; }}
.jp-Notebook .jp-Cell:has({BAR}) .jp-OutputArea {{ max-height: 28vh; overflow-y: auto; }}
/* its code is one line that nobody reads; it is back while the cell is edited */
.jp-Notebook .jp-Cell:has({BAR}):not(.jp-mod-editMode) .jp-Cell-inputWrapper {{ display: none; }}
/* what gets the focus, or is scrolled to, comes to stand below the bar */
.jp-WindowedPanel-outer:has({BAR}) {{ scroll-padding-top: calc(28vh + 2rem); }}
@media (max-height: 520px) {{
  .jp-Notebook .jp-Cell:has({BAR}) {{ position: relative; }}
}}
@media print {{
  .jp-Notebook .jp-Cell:has({BAR}) {{ position: static; box-shadow: none; }}
}}
"""
"""A stylesheet for JupyterLab's page; a screen of a phone held across is too low for a bar that stays."""
