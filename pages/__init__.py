"""What the project's HTML pages share: markup, the small pieces that they are made of, the document and its look.

Imports nothing of ours, and knows nothing of homes or policies.
"""
