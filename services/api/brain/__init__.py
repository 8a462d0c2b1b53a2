"""The home's brain: one place that answers whether the home is all right, what is in it, and who is using it.

A service of its own: it knows nothing of the program that deploys it, nor of the home's description. What it may ask
stands in its settings; what it asks with, in files.

    upstream/   one call to another service: deadlines, limits, retries, a breaker; what went wrong, in words
    adapters/   one module a service: what its answers mean, as a verdict with reasons, and the calls that it offers
    access/     who asks, and whether they may
    routes/     what is served, as JSON; page/ the same for people
"""
