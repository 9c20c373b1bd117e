"""What a worker and its supervisor agree on: the signals that stop a service, what they say to each other, how long an end takes."""

import signal

STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
LAST_WORDS_SECONDS = 1.0
"""For calls that were cut to say so, and for their callers to read it."""
FLUSH_SECONDS = 10.0
"""For the application to write out what it holds in memory."""
LEAVE_SECONDS = 2.0
"""For the threads of the process; one that waits for a name server may take longer than anybody wants to wait."""
BEAT_SECONDS = 1.0
READY, BEAT, STOP, HURRY = b"r", b".", b"s", b"h"
"""What a worker says to its supervisor (the first two) and hears from it."""
