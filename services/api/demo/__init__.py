"""A little home to try the API on: stand-ins that answer like Immich, Jellyfin and Prometheus, and the API before them.

    home.py         who lives there, and what they have
    immich.py       its photos, as Immich 2 or 3 tells of them
    jellyfin.py     its films, as Jellyfin 10.11 or 12 does
    prometheus.py   its alerts and figures
    serving.py      serving such an application on loopback
    __main__.py     all of it at once: `python -m demo`

A stand-in says what the real one would say of this home, so that the API can't tell them apart; the tests hold that
with the services' official clients. It keeps nothing and is for this machine alone. Imports nothing of the API but in
`__main__.py`.
"""
