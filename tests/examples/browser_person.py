"""A browser for programs that open one: logs a person in at the provider, says yes, and goes where that leads."""

import sys
from urllib.parse import urlsplit

from tests.support.person import Person

if __name__ == "__main__":
    address, username = sys.argv[1:]
    parts = urlsplit(address)
    person = Person(f"{parts.scheme}://{parts.netloc}")
    person.log_in(username)
    answer = person.decide(person.get(address))
    sys.exit(person.get(answer.location).status != 200)
