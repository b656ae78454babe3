"""Every experiment of the course, one record each: ``catalogue`` finds them by name."""
