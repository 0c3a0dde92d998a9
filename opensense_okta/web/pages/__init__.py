"""The pages below `/directory/`: what is published, and why."""
