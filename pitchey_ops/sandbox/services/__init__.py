"""The platform's own services, one file each."""
