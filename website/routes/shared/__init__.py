"""What pages of every kind are built on: the server, the login, the language, forms, cookies, and how things are shown.

May use the protocol; the other packages of pages use it.
"""
