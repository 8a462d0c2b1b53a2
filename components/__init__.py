"""The rooms of the home: one module a room, all of one shape.

A room's pure functions turn a piece of `home` into `Workload`s and other plain data; its component registers them.
May import `home`; is imported by `__main__` alone.
"""
