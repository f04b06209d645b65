"""What an incident's record tells when it is over: pure functions from gathered runs and lines to a story."""
