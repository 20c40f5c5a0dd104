"""A walk over every page: follows links and form actions until each page rule has a real URL.

What is a page is read off the application's ``url_map``: a page that is added later is walked over without a word here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect, Rule

from tests.support.device_flow import DEVICE_AUTHORIZATION, DEVICE_CODE, enter
from tests.support.person import REDIRECT_URI, Answer, Person
from website.identifiers import new_identifier
from website.settings import CLOSED
from website.users.email_links import path_of

#: GET rules of the people's door that show no page, and why.
NOT_PAGES = {
    "static": "stylesheets, scripts and images",
    "logo_pictures.show_picture": "pictures of clients",
    "api.show_me": "the walk-through's API, for programs",
    "errors.redirect_to_list": "leads to the list",
    "passkeys.show_options": "options for the script of a page",
    "first_passkey.show_options": "options for the script of a page",
    "passkey_login.show_options": "options for the script of a page",
    "passkey_second_factor.show_options": "options for the script of a page",
    "dev_mail.show_html": "the HTML of an email, with a policy of its own",
    "browser_state.show_frame": "a frame without a word, for the scripts of applications",
}
#: Views whose pages differ in their words alone, and how many of them a walk visits.
ALIKE = {"errors.show_error": 2, "person_acts.show_role_change": 2, "groups.show_role_change": 2}
#: Somebody in a group, somebody whose account is disabled, and the group.
MEMBER, DISABLED, GROUP = "carol", "dan", "team"
#: Another operator, so that the person of a walk isn't the last one.
OPERATOR = "olga"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
MOST_ADDRESSES = 500
PASSWORD, OTHER_PASSWORD = "correct horse battery staple", "another battery, stapled by another horse"
#: What a person might type, by the name of the field or by its type.
TYPED = {
    "redirect_uri": REDIRECT_URI,
    "post_logout_redirect_uri": "https://client.example/goodbye",
    "user_code": "BCDF-GHJK",
    "scope": "profile",
    "scopes": "notes.read See your notes",
    "open_scope": " ",  # to be filled in with "Only some scopes" alone
    "groups": " ",  # names of those that there are
    "access_token_seconds": "300",
    "more": '{"policy_uri": "https://client.example/policy", "logo_uri": "https://127.0.0.1/logo.png"}',
    "extra_origin": "https://app.client.example",
    "birthdate": "1815-12-10",
    "locale": "en-GB",
    "zoneinfo": "Europe/London",
    "email": "ada@client.example",
    "group": GROUP,
    "usernames": DISABLED,
    "url": "https://client.example",
    "tel": "+41 44 668 18 00",
    "password": PASSWORD,
    "new-password": OTHER_PASSWORD,
}
#: Views that refuse what is typed here: a code that is wrong, a group that there is not.
REFUSING = (
    "device.receive_user_code",
    "second_factor.receive_code",
    "authenticator_app.set_up",
    "client_access.set_claim",
)
#: Of these a browser sends what the page gave them.
NOT_TYPED = ("hidden", "checkbox", "radio", "select")
NONSENSE = "\u202e<b>::// not valid"
API_SCOPES = "photos.read See your photos\nphotos.write Add photos and delete them"
Pairs = list[tuple[str, str]]


@dataclass
class Form:
    """A form that posts, as it stands on a page."""

    page: str
    #: The view that takes it.
    endpoint: str
    #: Which of the page's posting forms it is.
    number: int
    action: str
    #: Who it is that fills it in.
    username: str = ""
    #: Name, type and value of everything but buttons that a browser would send.
    fields: list[tuple[str, str, str]] = field(default_factory=list)
    buttons: Pairs = field(default_factory=list)
    #: Names of those that can't be left out.
    required: set[str] = field(default_factory=set)

    @property
    def is_to_be_filled_in(self) -> bool:
        return any(kind != "hidden" for _name, kind, _value in self.fields)

    @property
    def asks_for_password(self) -> bool:
        return any(kind == "password" for _name, kind, _value in self.fields)

    def what_to_type(self) -> Pairs:
        """Return what a person would type into the fields that are empty."""
        empty = [(name, kind) for name, kind, value in self.fields if not value and kind not in NOT_TYPED]
        known = {"username": self.username} | TYPED
        return [(name, known.get(name) or known.get(kind) or "Something") for name, kind in empty]

    def fill_in(self) -> Pairs:
        """Return what a person would send: each empty field filled, the last button pressed."""
        typed = dict(self.what_to_type())
        return [(name, value or typed.get(name, "")) for name, _kind, value in self.fields] + self.buttons[-1:]

    def spoil(self) -> Pairs:
        """Return what is wrong throughout: what is required is left out, what is not is filled with nonsense."""
        hidden = [(name, value) for name, kind, value in self.fields if kind == "hidden"]
        names = [name for name, kind, _value in self.fields if kind not in NOT_TYPED]
        return hidden + [(name, "" if name in self.required else NONSENSE) for name in names] + self.buttons[-1:]


class PageReader(HTMLParser):
    """Reads the links and the posting forms off a page."""

    def __init__(self, address: str, markup: str) -> None:
        super().__init__()
        self.address = address
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._textarea: list[str] | None = None
        self._select: str | None = None
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if self._form and "required" in has:
            self._form.required.add(has.get("name", ""))
        if tag == "a" and "href" in has:
            self.links.append(urljoin(self.address, has["href"]))
        elif tag == "form" and has.get("method", "").lower() == "post":
            action = urljoin(self.address, has.get("action") or self.address)
            self._form = Form(self.address, "", len(self.forms), action)
            self.forms.append(self._form)
        elif self._form and tag == "input" and has.get("name"):
            kind = has.get("type", "text").lower()
            if has.get("autocomplete") == "new-password":
                kind = "new-password"
            if kind not in ("checkbox", "radio") or "checked" in dict(attrs):
                self._form.fields.append((has["name"], kind, has.get("value", "")))
        elif self._form and tag == "button" and has.get("name"):
            self._form.buttons.append((has["name"], has.get("value", "")))
        elif self._form and tag == "select" and has.get("name"):
            self._select = has["name"]
        elif self._form and tag == "option" and self._select:
            self._form.fields.append((self._select, "select", has.get("value", "")))
            self._select = None
        elif self._form and tag == "textarea" and has.get("name"):
            self._form.fields.append((has["name"], "textarea", ""))
            self._textarea = []

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._textarea.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._form and self._textarea is not None:
            name, kind, _value = self._form.fields[-1]
            self._form.fields[-1] = name, kind, "".join(self._textarea).strip()
            self._textarea = None
        elif tag == "form":
            self._form = None


class Walk:
    """One person's way over every page: what was visited, which pages and forms there were, by which rules."""

    def __init__(self, person: Person, application: Flask, *beginnings: str, username: str = "") -> None:
        self._person = person
        self._username = username
        self._rules = application.url_map.bind("localhost")
        self._origin = origin_of(person, application)
        self.answers: dict[str, Answer] = {}
        self.forms: list[Form] = []
        self.addresses: dict[str, str] = {}
        self._visits: Counter[str] = Counter()
        waiting = [rule.rule for rule in page_rules(application) if not rule.arguments]
        self._go(waiting + [*beginnings, *acts_without_links(application)])

    def go_again(self, *addresses: str) -> None:
        """Visit addresses, again where they have changed since, and what they lead to."""
        for address in addresses:
            self.answers.pop(address, None)
        self._go([*addresses])

    def _go(self, waiting: list[str]) -> None:
        while waiting:
            waiting += self._visit(waiting.pop(0))
        assert len(self.answers) < MOST_ADDRESSES, "the walk does not end"

    @property
    def pages(self) -> list[str]:
        """The addresses at which a page stands; the others redirect, or give something to download."""
        return [address for address, answer in self.answers.items() if is_page(answer)]

    def _visit(self, address: str) -> list[str]:
        endpoint = self.endpoint_of(address, "GET")
        if address in self.answers or endpoint is None or endpoint in NOT_PAGES:
            return []
        if len(self.answers) >= MOST_ADDRESSES:
            return []
        self._visits[endpoint] += 1
        if self._visits[endpoint] > ALIKE.get(endpoint, MOST_ADDRESSES):
            return []
        answer = self.answers[address] = self._person.get(address)
        self.addresses.setdefault(endpoint, address)
        found = [urljoin(self._origin + address, answer.location)] if answer.location else []
        if is_page(answer):
            read = PageReader(self._origin + address, answer.text)
            self.forms += [self._settle(form, address) for form in read.forms]
            found += read.links + [form.action for form in read.forms]
        return [own for own in map(self._own, found) if own]

    def _settle(self, form: Form, page: str) -> Form:
        action = self._own(form.action)
        endpoint = self.endpoint_of(action, "POST")
        assert endpoint, f"the form of {page} posts to {form.action}, where nobody takes it"
        return replace(form, page=page, action=action, endpoint=endpoint, username=self._username)

    def _own(self, address: str) -> str:
        """Return path and query of an address of ours, and nothing for one of another site."""
        parts = urlsplit(address)
        if f"{parts.scheme}://{parts.netloc}" != self._origin:
            return ""
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def endpoint_of(self, address: str, method: str) -> str | None:
        """Return the name of the view that answers an address, ``None`` where there is none."""
        try:
            return self._rules.match(urlsplit(address).path, method=method)[0]
        except (HTTPException, RequestRedirect):
            return None

    def forms_by_endpoint(self) -> dict[str, Form]:
        """Return one form for each view that takes posts: the first of those that leave the least to fill in.

        A page of somebody else's API may have the same form, without a client in it.
        """
        found: dict[str, Form] = {}
        for form in sorted(self.forms, key=lambda form: len(form.what_to_type())):
            found.setdefault(form.endpoint, form)
        return found


def origin_of(person: Person, application: Flask) -> str:
    """Return scheme and host by which a person visits the application."""
    is_real = isinstance(person.door, str)
    return person.door if is_real else f"{application.config['PREFERRED_URL_SCHEME']}://localhost"


def is_page(answer: Answer) -> bool:
    kind = answer.headers.get("Content-Type", "")
    is_attached = "attachment" in answer.headers.get("Content-Disposition", "")
    return answer.status < 300 and kind.startswith("text/html") and not is_attached


def _rules_of(application: Flask) -> Iterator[Rule]:
    # What is there to build addresses with belongs to the machines' door.
    return (rule for rule in application.url_map.iter_rules() if not rule.build_only)


def page_rules(application: Flask) -> list[Rule]:
    """Return the rules of the people's door that show a page."""
    return [rule for rule in _rules_of(application) if "GET" in (rule.methods or ()) and rule.endpoint not in NOT_PAGES]


def changing_rules(application: Flask) -> list[Rule]:
    """Return the rules of the people's door that may change something."""
    return [rule for rule in _rules_of(application) if (rule.methods or set()) - SAFE_METHODS]


def unvisited(application: Flask, walks: Sequence[Walk]) -> list[str]:
    """Return the page rules to which no walk found an address."""
    visited: set[str] = set().union(*(walk.addresses for walk in walks))
    return sorted(rule.rule for rule in page_rules(application) if rule.endpoint not in visited)


def admit(person: Person, application: Flask, username: str) -> None:
    """Log a person in; where names alone do not make accounts, they get one first, unless they have it."""
    add_people(application)
    if not application.extensions["grantwright"].settings.demo:
        feed = f"{PASSWORD}\n{PASSWORD}\n"
        application.test_cli_runner().invoke(args=["users", "create", username], input=feed)
        application.test_cli_runner().invoke(args=["users", "set", username, "--operator"])
    show_first_factor(person, application, username)


def show_first_factor(person: Person, application: Flask, username: str) -> str:
    """Send the login page, to somebody logged in too; return where it leads to."""
    password = "valid" if application.extensions["grantwright"].settings.demo else PASSWORD
    fields = {**person.get("/?again=1").hidden_fields(), "username": username, "password": password}
    answer = person.post("/?again=1", fields)
    assert answer.status == 303, answer.text
    return answer.location


def add_people(application: Flask) -> None:
    """Give a server of our own accounts other people and a group, for an operator to see; once.

    The member is added again where a form has removed it, and may log in again where a form has disabled it.
    """
    server = application.extensions["grantwright"]
    users, groups = server.accounts.own_users, server.access.groups
    rows = {name: users.find_row(name) or users.create(name) for name in (MEMBER, DISABLED, OPERATOR)}
    member, group = int(rows[MEMBER].id), groups.find(GROUP)
    if group is None:
        group = groups.create(GROUP)
        users.disable(int(rows[DISABLED].id))
        users.set_operator(int(rows[OPERATOR].id), True)
    users.enable(member)
    groups.add_members(group.id, [member])


def acts_without_links(application: Flask) -> list[str]:
    """Return the pages of acts on somebody's account to which its page leads only where there is something to do."""
    member = application.extensions["grantwright"].accounts.own_users.find_row(MEMBER)
    return [f"/people/{member.id}/{act}" for act in ("link", "factors")] if member else []


def password_links(application: Flask, username: str) -> list[str]:
    """Return the addresses of one-time links for an account: to verify an address, and to set a password if any."""
    server = application.extensions["grantwright"]
    user_id = server.users.find_row(username).id
    links = [path_of(server.accounts.email_links.create(user_id, f"{username}@client.example"))]
    if not server.settings.demo:
        links.append(f"/set_password?token={server.accounts.password_links.create(user_id)}")
    return links


def invitation_links(application: Flask) -> list[str]:
    """Return the address of an invitation's link; nothing where nobody creates their own account."""
    server = application.extensions["grantwright"]
    if server.settings.demo or server.settings.joining == CLOSED:
        return []
    token = server.joining.invitations.create("For a friend")[1]
    return [f"/join?token={token}"]


def furnish(person: Person, redirect_uri: str, name: str = "Photo Printer") -> str:
    """Give an account something to show: a client that has access, a public one that has none, and an API.

    Returns the address at which the public client asks for access.
    """
    chosen = {"redirect_uri": redirect_uri, "client_name": name}
    connected = person.create_client(**chosen, grant_type=["authorization_code", "refresh_token", "client_credentials"])
    asking = person.create_client(**chosen, token_endpoint_auth_method="none", more=TYPED["more"])
    register_api(person, name, connected.client_id)
    map_claim(person)
    asked = {"redirect_uri": redirect_uri, "scope": "profile", "code_challenge_method": "S256"}
    answer = person.allow(connected, **asked, code_challenge="c" * 43)
    assert answer.status in (302, 303), answer.text
    query = f"response_type=code&client_id={asking.client_id}&scope=profile&code_challenge={'c' * 43}"
    return f"/oauth/authorize?{query}&code_challenge_method=S256"


def map_claim(person: Person) -> None:
    """Map a claim for one of a person's clients, if they may."""
    found = re.search(r'href="(/clients/[^"/?]+)"', person.get("/").text)
    assert found is not None
    page = person.get(f"{found[1]}/access")
    if page.status == 200:
        fields = {"claim": "tenant", "source": "constant", "values": "acme", "form": "string", "place": "userinfo"}
        answer = person.post(f"{found[1]}/claims", {**page.hidden_fields(), **fields})
        assert answer.status == 303, answer.text


def show_device(person: Person, name: str = "Living Room TV") -> str:
    """Have a device wait for an account whose person has entered its code; return the address of its page."""
    kind = {"grant_type": DEVICE_CODE, "redirect_uri": "", "response_type": "", "token_endpoint_auth_method": "none"}
    client = person.create_client(client_name=name, **kind)
    asked = person.post(DEVICE_AUTHORIZATION, {"client_id": client.client_id, "scope": "profile"})
    answer = enter(person, json.loads(asked.text)["user_code"])
    assert answer.status == 303, answer.text
    return answer.location


def register_api(person: Person, name: str, client_id: str) -> None:
    """Register an API, where a client may request tokens for itself."""
    page = person.get("/create_api")
    fields = {"identifier": f"https://api.example/{new_identifier()}", "name": name, "scopes": API_SCOPES}
    answer = person.post("/create_api", {**page.hidden_fields(), **fields})
    assert answer.status == 303, answer.text
    fields = {"client": client_id, "may": "client_credentials", "scope": "photos.read"}
    answer = person.post(f"{answer.location}/client", {**page.hidden_fields(), **fields})
    assert answer.status == 303, answer.text
