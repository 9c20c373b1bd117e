"""The entry module: `uvicorn main:app` from this folder, `uvicorn app.main:app` from the root. Nothing else enters."""

from app.service import create_app

app = create_app()
