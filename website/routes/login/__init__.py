"""The pages by which people log in and out, prove again who they are, and recover a password.

May use what is current, and how things are shown.
"""
