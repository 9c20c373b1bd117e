"""A copy of the journal that can be asked: SQLite, derived by byte offset, deleted and made again without loss."""
