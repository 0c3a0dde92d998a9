"""Who is notified of what, and what was sent."""
