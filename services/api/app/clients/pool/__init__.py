"""A lean HTTP/1.1 client: one connection per call, kept alive between calls. No dialect and no routing may be known here."""
