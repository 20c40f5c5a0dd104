"""A link to the real login page, sent by email. After logging in, the victim ends up on the attacker's site."""

import sys

from browser import Browser

for target in ["https://evil.example/", "//evil.example/"]:
    victim = Browser(sys.argv[1])
    answer = victim.fill_in(f"/?next={target}", username="ada")
    print(f"next={target} leads to {answer.location}")
