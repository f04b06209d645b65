"""What carries out plans: for the command line, interactive kernels and the actor process only."""
