"""The attacker's page submits the login form. From then on, the victim works in the attacker's account."""

import sys

from browser import Browser

victim = Browser(sys.argv[1])
# A form on another site sends its fields, and none of our cookies.
answer = victim.post("/", {"Origin": "https://evil.example"}, username="mallory")
print(f"the answer to the form: {answer.status}")
page = victim.get("/")
print("the victim is logged in as mallory" if "mallory" in page.text else "the victim is not logged in")
