"""One file per question: pure functions from frames and observations to findings."""
