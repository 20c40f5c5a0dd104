"""The standalone application, as ``flask run``, Granian and gunicorn find it."""

import gc

gc.disable()  # a start makes next to no garbage, and looking for it takes a fifth of the time

from website.app import create_app  # noqa: E402

app = create_app()
gc.enable()
gc.freeze()  # what is there by now stays, and need not be looked at again
