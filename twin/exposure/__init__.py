"""Who reaches what, read back from what the twin holds.

The records of the stand-ins (tunnels, DNS, Access, the tailnet's policy, settings and keys) and the objects of the API
server (Services, pods, NetworkPolicies, what proxies are told to serve) are taken as one `Snapshot`; `read_back` makes
the map of it. Nothing here knows how the home's program or its description came to any of this: of `home`, only the
model is read, for the names of people, machines and networks. The map has the shape of the package `exposure`.
"""
