"""Embeddings in every dialect that has them: pure translation of bodies, like the chat clients beside it. No socket may enter."""
