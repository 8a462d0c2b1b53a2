"""Who asks, and whether they may.

    identity.py     who somebody is, and what role that gives them
    tailscale.py    somebody of the tailnet, by the headers of its proxy
    proxies.py      which addresses are that proxy's
    cloudflare.py   somebody of the internet, by the token of Cloudflare Access
    bearer.py       a program, by its own token
    limits.py       how often, and how much at once
    guard.py        all of that, in front of every request

Imports asking other services (for Cloudflare's keys, and the proxy's addresses), and nothing of what is served.
"""
