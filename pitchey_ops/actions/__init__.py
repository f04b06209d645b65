"""Actions: plans that send nothing, importable anywhere; what carries them out lives in `actions.apply` alone."""
