"""The third parties that are asked beside the platform, one file each."""
