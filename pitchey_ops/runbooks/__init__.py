"""The catalogue of runbooks, the one call that a notebook makes, and how a notebook is run."""
