"""Memory of its own: what the service sees of the platform, minute by minute (`looking`), and what it keeps of it."""
