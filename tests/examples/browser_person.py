"""A browser for programs that open one: logs a person in at the provider, decides, and goes where that leads."""

import sys
from urllib.parse import urlsplit

from tests.support.person import Person

if __name__ == "__main__":
    address, username, *decision = sys.argv[1:]  # yes, unless something else is given
    parts = urlsplit(address)
    person = Person(f"{parts.scheme}://{parts.netloc}")
    person.log_in(username)
    answer = person.decide(person.get(address), *decision)
    sys.exit(person.get(answer.location).status != 200)
