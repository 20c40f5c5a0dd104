"""Ada logs in at the printer. Then Mallory sends her the last step of his own login, to get her into his account."""

import sys

from browser import Browser

site, printer = sys.argv[1:]


def begin(username):
    """Log in at the provider, allow the printer, and stop before the browser returns to it."""
    at_provider, at_printer = Browser(site), Browser(printer)
    at_provider.log_in(username)
    question = at_printer.get("/login").location.removeprefix(site)
    back = at_provider.fill_in("/oauth/authorize", at_provider.get(question), confirm="yes").location
    return at_printer, back.removeprefix(printer)


ada, back = begin("ada")
print(f"ada: {ada.get(ada.get(back).location).text.strip()}")
_mallory, back = begin("mallory")
print(f"ada, with mallory's link: {ada.get(back).text.strip()}")
