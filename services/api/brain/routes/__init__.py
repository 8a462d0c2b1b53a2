"""What is served, one module a subject."""
