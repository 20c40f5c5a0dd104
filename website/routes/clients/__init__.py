"""The pages of clients: creating them, showing and changing them, trying them out, and who may do that.

May use the pages of login.
"""
