"""HomeBrain's policy pack: what every resource of a home must keep to, checked by the engine in each preview and up.

The rules are pure functions on plain data and know nothing of Pulumi; `pack` is the one module that does. The pack may
import `home`, and nothing else of the project.
"""
