"""The faces over HTTP. Hot paths are raw ASGI; no decision, attempt or accounting is made here."""
