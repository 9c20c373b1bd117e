"""What the service writes down: the journal of calls and what is derived from it."""
