"""Which model answers: prompt -> z (first stage), then (z, wishes, models, live figures, draw) -> decision. No I/O, no clock."""
