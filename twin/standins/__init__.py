"""Stand-in providers: Pulumi provider plugins that play services the twin doesn't have.

A stand-in speaks the engine's own plugin protocol, so the program, the engine and the policy pack can't tell it from
the real provider. It takes its property names from the installed SDK (`sdk.py`), keeps an inspectable record of what
it holds (`record.py`) and says "stand-in" wherever it shows. One generic server (`server.py`) plays every service; a
service is a module that lists its resource types as `Kind`s.

Nothing here is reachable outside a twin: the plugins are installed into the twin's own Pulumi home only.
"""

from __future__ import annotations

SERVICES = ("random", "cloudflare", "tailscale")
"""The services that have a stand-in, by the name of their Pulumi package; each is a module of this package."""
