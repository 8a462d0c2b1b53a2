"""What the policies say of a home: rules by resources, as a table, as JSON and as a page, without an engine.

Asks the program through `render` and the rules through `policies`; knows neither components nor the twin.
"""
