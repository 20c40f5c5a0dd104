"""The protector in Flask, FastAPI, ASGI and the MCP SDK: the same answers everywhere, and nobody waits for others."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import flask
import pytest
import requests
import uvicorn
from fastapi import Depends, FastAPI
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.support.issuer import RESOURCE, Issuer
from tests.support.waiting import ANSWER_SECONDS, POLL_SECONDS, wait_until
from website.resource_server import Protector, VerifiedToken, asgi
from website.resource_server import flask as flask_protector
from website.resource_server.asgi import ProtectedApp
from website.resource_server.bounded_pool import MAX_WAITING, THREADS
from website.resource_server.fastapi import FastAPIProtector
from website.resource_server.flask import FlaskProtector
from website.resource_server.mcp import ProtectedTools, ProtectorTokenVerifier

WELL_KNOWN = "/.well-known/oauth-protected-resource"


@dataclass
class Answer:
    status: int
    headers: Any
    body: Any


Get = Callable[..., Answer]


def in_a_thread(act: Callable[[], Any]) -> Any:
    """Return what a function returns in a thread of its own: in this one, a browser of another test may have a loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(act).result()


def open_flask(protector: Protector) -> Get:
    app = flask.Flask(__name__)
    protect = FlaskProtector(app, protector)

    @app.get("/notes")
    @protect("notes.read")
    def list_notes() -> Any:
        return {"of": flask_protector.current_token.subject}

    @app.get("/async-notes")
    @protect("notes.read", max_age=60)
    async def list_notes_later() -> Any:
        return {"of": flask_protector.current_token.subject}

    def get(path: str, token: str | None = None, method: str = "GET") -> Answer:
        answer = app.test_client().open(path, method=method, headers=authorization(token))
        return Answer(answer.status_code, answer.headers, answer.get_json(silent=True))

    return get


def open_fastapi(protector: Protector) -> Get:
    return through_test_client(fastapi_application(protector))


def fastapi_application(protector: Protector) -> FastAPI:
    app = FastAPI()
    # Not in the annotation: that is looked up among the module's names.
    required_token = Depends(FastAPIProtector(app, protector)("notes.read"))

    @app.get("/notes")
    async def list_notes(token: VerifiedToken = required_token) -> Any:
        return {"of": token.subject}

    return app


def open_starlette(protector: Protector) -> Get:
    async def list_notes(_request: Request) -> JSONResponse:
        return JSONResponse({"of": asgi.current_token.get().subject})

    return through_test_client(ProtectedApp(Starlette(routes=[Route("/notes", list_notes)]), protector, "notes.read"))


def through_test_client(app: Any) -> Get:
    def get(path: str, token: str | None = None, method: str = "GET") -> Answer:
        answer = TestClient(app).request(method, path, headers=authorization(token))
        return Answer(answer.status_code, answer.headers, answer.json() if answer.content else None)

    return get


def authorization(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@pytest.fixture(params=[open_flask, open_fastapi, open_starlette])
def get(request: pytest.FixtureRequest, protector: Protector) -> Get:
    return request.param(protector)


def test_a_valid_token_is_let_in(get: Get, issuer: Issuer) -> None:
    for token in (issuer.sign(), issuer.seal("sealed")):
        answer = get("/notes", token)
        assert (answer.status, answer.body) == (200, {"of": "user-1"})


def test_refusals_are_the_same_everywhere(get: Get, issuer: Issuer) -> None:
    metadata = f'resource_metadata="https://api.example{WELL_KNOWN}/notes"'
    answer = get("/notes")
    assert (answer.status, answer.body) == (401, {"error": "unauthorized"})
    assert answer.headers["WWW-Authenticate"] == f'Bearer scope="notes.read", {metadata}'
    answer = get("/notes", "made-up")
    assert (answer.status, answer.body["error"]) == (401, "invalid_token")
    answer = get("/notes", issuer.sign(scope="other"))
    assert (answer.status, answer.body["error"]) == (403, "insufficient_scope")
    assert 'scope="notes.read"' in answer.headers["WWW-Authenticate"]
    assert get("/notes?access_token=" + issuer.sign()).status == 401
    issuer.status = 500
    answer = get("/notes", "made-up")
    assert (answer.status, answer.body["error"], answer.headers["Retry-After"]) == (503, "temporarily_unavailable", "5")


def test_the_metadata_is_public_and_for_scripts_of_any_origin(get: Get, issuer: Issuer) -> None:
    for path in (f"{WELL_KNOWN}/notes", WELL_KNOWN):
        answer = get(path)
        assert answer.status == 200
        assert answer.body["resource"] == RESOURCE
        assert answer.body["authorization_servers"] == [issuer.url]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        asked_first = get(path, method="OPTIONS")
        assert asked_first.status in (200, 204)
        assert asked_first.headers["Access-Control-Allow-Headers"] == "*"
        assert get(path, method="POST").status == 405


def test_an_async_view_of_flask_is_protected_too(protector: Protector, issuer: Issuer) -> None:
    get = open_flask(protector)
    assert in_a_thread(lambda: get("/async-notes", issuer.sign())).status == 401
    logged_in = issuer.sign(auth_time=int(time.time()))
    assert in_a_thread(lambda: get("/async-notes", logged_in)).body == {"of": "user-1"}


def test_fastapis_document_says_how_to_log_in(protector: Protector, issuer: Issuer) -> None:
    document = open_fastapi(protector)("/openapi.json").body
    assert document["components"]["securitySchemes"]["OpenID Connect"]["openIdConnectUrl"].startswith(issuer.url)
    assert list(document["paths"]) == ["/notes"]


def test_two_authorization_headers_are_refused_by_asgi(protector: Protector, issuer: Issuer) -> None:
    header = f"Bearer {issuer.sign()}".encode()
    client = TestClient(ProtectedApp(Starlette(), protector))
    answer = client.get("/notes", headers=[(b"authorization", header), (b"authorization", header)])
    assert answer.status_code == 400


def test_a_websocket_needs_a_token(protector: Protector, issuer: Issuer) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": str(asgi.current_token.get().subject)})
        await send({"type": "websocket.close"})

    client = TestClient(ProtectedApp(app, protector, "notes.read"))
    with client.websocket_connect("/", headers=authorization(issuer.sign())) as socket:
        assert socket.receive_text() == "user-1"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an ASGI application on a free port, with one event loop."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=asyncio.run, args=(server.serve(),))
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(ANSWER_SECONDS)


def test_a_slow_introspection_delays_no_other_request(protector: Protector, issuer: Issuer) -> None:
    app = fastapi_application(protector)
    answers: list[int] = []
    slow, quick, signed = issuer.seal("slow"), issuer.seal("quick"), issuer.sign()
    issuer.slow.add(slow)
    with serving(app) as url:

        def call(token: str) -> int:
            return requests.get(f"{url}/notes", headers=authorization(token), timeout=ANSWER_SECONDS).status_code

        assert call(signed) == 200
        waiting = [threading.Thread(target=lambda: answers.append(call(slow))) for _ in range(THREADS - 1)]
        for thread in waiting:
            thread.start()
        wait_until(lambda: issuer.asked.count("/introspect") == THREADS - 1, pause=POLL_SECONDS)
        assert [call(signed), call(quick), call(signed), call(quick)] == [200] * 4
        assert answers == []
        # When every thread waits, JWTs still pass.
        more = threading.Thread(target=lambda: answers.append(call(slow)))
        more.start()
        wait_until(lambda: issuer.asked.count("/introspect") == THREADS + 2, pause=POLL_SECONDS)
        assert call(signed) == 200
        issuer.release.set()
        for thread in (*waiting, more):
            thread.join(ANSWER_SECONDS)
    assert answers == [200] * THREADS


def test_too_many_waiting_introspections_are_503(protector: Protector, issuer: Issuer) -> None:
    issuer.slow.add(issuer.seal("slow"))

    async def call_all() -> list[Any]:
        calls = [asyncio.ensure_future(protector.check_async("Bearer slow")) for _ in range(THREADS + MAX_WAITING + 1)]
        done, _waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        issuer.release.set()
        await asyncio.wait(calls)
        return [call.exception() for call in done]

    [refusal] = in_a_thread(lambda: asyncio.run(call_all()))
    assert refusal.status == 503


def open_mcp(protector: Protector) -> Any:
    settings = AuthSettings(
        issuer_url=protector.issuer, resource_server_url=protector.resource, validate_token_resource=True
    )
    server = MCPServer("Notes", token_verifier=ProtectorTokenVerifier(protector), auth=settings)

    @server.tool()
    def list_notes() -> str:
        return "Buy ribbon"

    @server.tool()
    def add_note(text: str) -> str:
        return text

    app = server.streamable_http_app(json_response=True, stateless_http=True, host="testserver")
    return ProtectedTools(app, protector, "notes.read", tools={"add_note": ["notes.write"]})


def rpc(method: str, **parameters: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}


def test_an_mcp_server_asks_for_the_scopes_of_the_tool(issuer: Issuer) -> None:
    protector = Protector(issuer.url, "http://127.0.0.1:8000/mcp", credentials=("api", "secret"))
    reader = issuer.sign(aud=protector.resource)
    writer = issuer.seal("sealed", aud=protector.resource, scope="notes.read notes.write")
    accepted = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    with TestClient(open_mcp(protector), headers=accepted) as client:

        def post(token: str | None, content: Any) -> Any:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            return client.post("/mcp", content=body, headers=authorization(token))

        call = rpc("tools/call", name="add_note", arguments={"text": "Milk"})
        assert post(None, call).status_code == 401
        answer = post(reader, call)
        assert answer.status_code == 403
        assert 'scope="notes.read notes.write"' in answer.headers["WWW-Authenticate"]
        assert f'resource_metadata="http://127.0.0.1:8000{WELL_KNOWN}/mcp"' in answer.headers["WWW-Authenticate"]
        assert post(reader, [rpc("ping"), call]).status_code == 403
        for text in (
            b"{", b"\xff", b"[" * 100_000,
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"add_note"}}',
        ):  # fmt: skip
            assert post(reader, text).status_code == 400
        assert "Buy ribbon" in post(reader, rpc("tools/call", name="list_notes", arguments={})).text
        before = issuer.asked.count("/introspect")
        assert "Milk" in post(writer, call).text
        assert issuer.asked.count("/introspect") == before + 1
        assert post(issuer.sign(), call).status_code == 401
        assert client.get(f"{WELL_KNOWN}/mcp").json()["resource"] == protector.resource
        issuer.status = 500
        assert post("another", call).status_code == 503


def test_the_sdks_own_check_refuses_what_is_not_for_this_server(issuer: Issuer) -> None:
    verifier = ProtectorTokenVerifier(Protector(issuer.url, RESOURCE, audience=issuer.url))

    def verify(text: str) -> Any:
        return in_a_thread(lambda: asyncio.run(verifier.verify_token(text)))

    verified = verify(issuer.sign(aud=[issuer.url]))
    assert verified is not None
    assert (verified.resource, verified.client_id, verified.subject) == (None, "client-1", "user-1")
    verified = verify(issuer.sign(aud=[issuer.url, RESOURCE + "/"]))
    assert verified is not None
    assert verified.resource == RESOURCE + "/"
    assert verify("made-up") is None
    assert verify("made up") is None
