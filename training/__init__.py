"""How the shipped weights were made. Run as `python -m training.<module>` from the root."""
