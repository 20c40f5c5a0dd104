"""The pages by which operators, the helpdesk and auditors look after people: accounts, groups, invitations, events.

May use the pages of login.
"""
