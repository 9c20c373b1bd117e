"""The values that travel. Imports nothing of ours; no I/O, no clock, no asyncio."""
