"""What the organization file and the environment say."""
