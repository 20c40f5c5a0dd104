"""An MCP client built with the official SDK: finds the provider, registers itself, and calls the three tools."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from urllib.parse import parse_qsl, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

CALLS = (("list_notes", {}), ("add_note", {"text": "Buy ribbon"}), ("find_notes", {"word": "ribbon"}))
SERVER = os.environ.get("RESOURCE", "http://127.0.0.1:5006/mcp")


class Memory(TokenStorage):
    """What the client knows about its own registration, and its tokens. A real one would keep both in a file."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Callback:
    """A small server on this machine, to which the browser comes back."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        #: Why access wasn't granted. The SDK has no place for it.
        self.refusal: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readline()).decode().split(" ")[1]
        answer = dict(parse_qsl(urlsplit(target).query))
        text = b"Access wasn't granted. " if "error" in answer else b""
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + text + b"You can close this window.")
        writer.close()
        if "state" not in answer:
            return
        if "code" in answer:
            self._answers.put_nowait(answer)
        elif not self.refusal.done():
            self.refusal.set_result(f"{answer.get('error')}. {answer.get('error_description', '')}")

    async def open_browser(self, url: str) -> None:
        print(f"Allow it in your browser. If it doesn't open, go to\n{url}", flush=True)
        await asyncio.to_thread(webbrowser.open, url)

    async def wait(self) -> AuthorizationCodeResult:
        """Wait for the response. The SDK compares its state and issuer."""
        answer = await self._answers.get()
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer.get("iss"))


async def call_tools(callback: Callback) -> None:
    listener = await asyncio.start_server(callback.receive, "127.0.0.1", 0)
    redirect_uri = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/callback"
    metadata = OAuthClientMetadata(
        client_name="Notes client", redirect_uris=[redirect_uri], token_endpoint_auth_method="none"
    )
    login = OAuthClientProvider(SERVER, metadata, Memory(), callback.open_browser, callback.wait)
    async with (
        listener,
        httpx2.AsyncClient(auth=login, timeout=300) as http,
        Client(streamable_http_client(SERVER, http_client=http)) as client,
    ):
        offered = {tool.name for tool in (await client.list_tools()).tools}
        for tool, arguments in CALLS:
            if tool not in offered:
                continue
            result = await client.call_tool(tool, arguments)
            print(f"{tool}: {result.content[0].text}", flush=True)


async def main() -> None:
    callback = Callback()
    calls = asyncio.create_task(call_tools(callback))
    await asyncio.wait([calls, callback.refusal], return_when=asyncio.FIRST_COMPLETED)
    if callback.refusal.done():
        sys.exit(f"Access wasn't granted: {callback.refusal.result()}".strip())
    await calls


if __name__ == "__main__":
    asyncio.run(main())
