"""A minimal browser for logins: cookies, redirects and forms, on loopback addresses only."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

FORM_TYPE = "application/x-www-form-urlencoded"
LOOPBACK = ("127.0.0.1", "localhost")
MOST_REDIRECTS = 15


@dataclass
class Form:
    """One form of a page: its action, its current values, and the names of its controls."""

    action: str | None
    hidden: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class Page(HTMLParser):
    """The forms of a page, and the text (or `value`) of each element that has an id."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.texts: dict[str, str] = {}
        self._form: Form | None = None
        self._open_id: str | None = None
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        name = values.get("name")
        if tag == "form":
            self._form = Form(values.get("action"))
            self.forms.append(self._form)
        elif name and self._form and tag in ("input", "button", "select", "textarea"):
            self._form.names.add(name)
            if tag == "input" and values.get("type") == "hidden":
                self._form.hidden[name] = values.get("value", "")
        if "id" in values:
            self._open_id = None if tag == "input" else values["id"]
            self.texts[values["id"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._open_id = None
        if tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        if self._open_id:
            self.texts[self._open_id] = (self.texts[self._open_id] + data).strip()


class Browser:
    """Keeps cookies and follows redirects; stops at the first URL that isn't on this computer."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}
        self.url = ""
        self.status = 0
        self.body = ""

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def get(self, url: str) -> None:
        self._travel("GET", url, None)

    def submit(self, control: str, values: Mapping[str, str]) -> None:
        """Send the form of the current page that has a control of this name, hidden values included."""
        for form in Page(self.body).forms:
            if control in form.names:
                target = urljoin(self.url, form.action) if form.action else self.url
                return self.post(target, {**form.hidden, **values})
        raise RuntimeError(f"{self.url} ({self.status}) has no form with {control!r}: {self.body[:500]}")

    def post(self, url: str, values: Mapping[str, str]) -> None:
        self._travel("POST", url, urlencode(values))

    def text(self, element_id: str) -> str:
        """The text of the element with this id on the current page."""
        found = Page(self.body).texts.get(element_id)
        if not found:
            raise RuntimeError(f"{self.url} ({self.status}) has no text in #{element_id}: {self.body[:500]}")
        return found

    def _travel(self, method: str, url: str, body: str | None) -> None:
        for _ in range(MOST_REDIRECTS):
            headers = {"Accept": "text/html", "Cookie": self.cookie_header}
            if self.url and body is not None:
                headers["Referer"] = self.url
            if body is not None:
                headers["Content-Type"] = FORM_TYPE
            location = self.send(method, url, body, headers)
            if location is None:
                return
            if urlsplit(location).hostname not in LOOPBACK:
                self.url = location
                return
            if self.status != 307:
                method, body = "GET", None
            url = location
        raise RuntimeError(f"too many redirects at {url}")

    def send(self, method: str, url: str, body: str | None, headers: Mapping[str, str]) -> str | None:
        """Send one request, keep its cookies, and return the absolute URL of a redirect, or None."""
        target = urlsplit(url)
        if target.hostname not in LOOPBACK or target.port is None:
            raise ValueError(f"not a loopback address with a port: {url}")
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
        try:
            path = target.path + (f"?{target.query}" if target.query else "")
            sent = {name: value for name, value in headers.items() if value}
            connection.request(method, path or "/", body, {"Host": target.netloc, **sent})
            response = connection.getresponse()
            self.body = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        self.url, self.status = url, response.status
        for cookie in response.headers.get_all("Set-Cookie") or []:
            self._keep(cookie)
        location = response.headers.get("Location")
        return urljoin(url, location) if location and 300 <= response.status < 400 else None

    def _keep(self, cookie: str) -> None:
        pair, _, attributes = cookie.partition(";")
        name, _, value = pair.strip().partition("=")
        gone = "max-age=0" in attributes.lower().replace(" ", "") or " 1970 " in attributes.replace("-", " ")
        if gone or not value:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value
