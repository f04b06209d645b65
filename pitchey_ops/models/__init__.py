"""Plain values that the rest of the package passes around: frozen, no I/O, no display."""
