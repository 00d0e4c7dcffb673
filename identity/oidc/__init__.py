"""The OpenID provider: sign-in with the Kent Card account for council services and partners.

What decides is pure: one check per function, in ordered tables (`checks.Check`) that cite clauses.
What a client's developer reads is kept apart from what the log reads, and neither names a person.
"""
