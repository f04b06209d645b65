"""What the findings mean together: hypotheses weighed, and one verdict on top."""
