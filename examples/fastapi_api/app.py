"""A separate API, a resource server, which verifies JWT access tokens itself."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from grantwright.resource_server import Protector, VerifiedToken
from grantwright.resource_server.fastapi import FastAPIProtector

api = FastAPI(title="Photos")
protect = FastAPIProtector(
    api,
    Protector(
        issuer=os.environ.get("ISSUER", "http://127.0.0.1:5000"),
        resource=os.environ.get("RESOURCE", "http://127.0.0.1:5004"),
        name="Photos",
        scopes=["photos:read", "photos:write"],
    ),
)
Reader = Annotated[VerifiedToken, Depends(protect("photos:read"))]
Writer = Annotated[VerifiedToken, Depends(protect("photos:write"))]


@api.get("/photos")
async def list_photos(token: Reader) -> dict[str, object]:
    return {"owner": token.subject or token.client_id, "photos": ["harbour.jpg", "lighthouse.jpg"]}


@api.delete("/photos/{name}")
async def delete_photo(name: str, token: Writer) -> dict[str, object]:
    return {"owner": token.subject or token.client_id, "deleted": name}
