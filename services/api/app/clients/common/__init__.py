"""What all clients share: the protocols and the event-stream parser. No HTTP client may enter (a wire opens no socket)."""
