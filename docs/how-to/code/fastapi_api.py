"""A FastAPI application that verifies JWT access tokens itself."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from grantwright.resource_server import Protector, VerifiedToken
from grantwright.resource_server.fastapi import FastAPIProtector

app = FastAPI()
protect = FastAPIProtector(
    app,
    Protector(issuer=os.environ["ISSUER"], resource=os.environ["RESOURCE"], scopes=["notes.read", "notes.write"]),
)


@app.get("/notes")
async def list_notes(token: Annotated[VerifiedToken, Depends(protect("notes.read"))]) -> dict[str, object]:
    return {"notes": ["Buy ribbon"], "of": token.subject, "asked_by": token.client_id}
