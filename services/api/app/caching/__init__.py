"""What is remembered of answers: keys, entries, and the places they lie in. Knows no provider and no face."""
