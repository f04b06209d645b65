"""Intake: what monitors and people send in, checked, stored, grouped and turned into orders before it is answered."""
