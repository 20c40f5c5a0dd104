"""A browser for the attacks: no screen, keeps cookies, fills in forms, doesn't follow redirects."""

import html
import re
import urllib.error
import urllib.parse
import urllib.request


class Answer:
    def __init__(self, answer):
        self.status, self.location = answer.status, answer.headers.get("Location", "")
        self.text = answer.read().decode()


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
