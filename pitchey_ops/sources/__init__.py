"""Every remote system that a runbook reads, one file each, behind one transport."""
