"""What is current in a request to a page: the server, the login session, its person's roles, the host application.

May use the protocol.
"""
