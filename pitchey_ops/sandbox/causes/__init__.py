"""
The mechanics of each cause: which sources change, how much, how soon. Scenarios choose numbers and words.

Every function writes into a `Builder` around ``b.onset_ms`` and returns what it did as `Told`.
"""
