"""Pure functions of text: strict JSON, token estimates, features of a prompt. No I/O and no knowledge of models."""
