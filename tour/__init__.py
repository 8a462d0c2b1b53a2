"""A page about a home, made without an engine: its machines, its rooms, whether it fits, what the policies find.

    python -m tour                          build/tour.html, about Pulumi.homelab.yaml
    python -m tour --file examples/….yaml   about another home

`survey` evaluates the program and asks `home` and `policies` what they make of it; `view` turns that into plain data;
`page` turns the data into one HTML file that needs nothing else. Reads `home`, `render`, `references` and the rules of
`policies`, not their Pulumi adapter; nothing reads this package.
"""
