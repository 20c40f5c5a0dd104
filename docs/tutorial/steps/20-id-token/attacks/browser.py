"""A browser for the attacks: no screen, keeps cookies, fills in forms, doesn't follow redirects."""

import base64
import hashlib
import html
import json
import re
import urllib.error
import urllib.parse
import urllib.request


class Answer:
    def __init__(self, answer):
        self.status, self.location = answer.status, answer.headers.get("Location", "")
        self.text = answer.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def parameters(self):
        """The parameters that the redirect passes to the client."""
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.location).query))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments):
        return None


class Browser:
    def __init__(self, site):
        self.site = site
        no_proxy = urllib.request.ProxyHandler({})
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(), NoRedirect, no_proxy)

    def get(self, path, **parameters):
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        return self.send(urllib.request.Request(self.site + path + query))

    def post(self, path, headers=None, **fields):
        data = urllib.parse.urlencode(fields, doseq=True).encode()
        return self.send(urllib.request.Request(self.site + path, data, headers or {}))

    def send(self, request):
        try:
            return Answer(self.opener.open(request))
        except urllib.error.HTTPError as answer:
            return Answer(answer)

    def fill_in(self, path, page=None, **fields):
        """Submit the form on a page, including its hidden fields."""
        text = (page or self.get(path)).text
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', text)
        return self.post(path, **{name: html.unescape(value) for name, value in hidden} | fields)

    def log_in(self, username):
        return self.fill_in("/", username=username)

    def create_client(self, method="client_secret_basic", scope="profile"):
        """Register a client and return its ID and secret."""
        fields = {"client_name": "Photo Printer", "scope": scope, "redirect_uri": "https://printer.example/back"}
        fields |= {"grant_type": ["authorization_code", "refresh_token"], "response_type": "code"}
        page = self.fill_in("/create_client", token_endpoint_auth_method=method, **fields)
        found = dict(re.findall(r'id="(client_id|client_secret)">([^<]+)<', page.text))
        return found["client_id"], found.get("client_secret")

    def allow(self, client_id, **parameters):
        """Send the browser to the server as a client does, allow access, and return the redirect back to the client."""
        page = self.get("/oauth/authorize", response_type="code", client_id=client_id, **parameters)
        return page if page.location else self.fill_in("/oauth/authorize", page, confirm="yes")


class Client:
    """An application that calls the token endpoint; without a secret, it only sends its client_id."""

    def __init__(self, site, client_id, client_secret=None):
        self.browser, self.client_id, self.client_secret = Browser(site), client_id, client_secret

    def ask_for_token(self, grant_type, **fields):
        if self.client_secret is None:
            return self.browser.post("/oauth/token", grant_type=grant_type, client_id=self.client_id, **fields).json
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        return self.browser.post("/oauth/token", headers, grant_type=grant_type, **fields).json

    def call_api(self, access_token):
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.browser.send(urllib.request.Request(self.browser.site + "/api/me", headers=headers))


def s256(verifier):
    """Return the code_challenge of a code_verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
