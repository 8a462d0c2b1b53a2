"""Taking over a home that runs today: what a first `pulumi up` would seize, and how it is adopted instead.

The Kubernetes provider creates by server-side apply: an object of the same name that is there already is taken over
without a word, and a later rename deletes it. `preflight` names such objects before anything happens, `adopt` shows
what would change in each, and imports them into the stack's state. Neither writes to the cluster.

May import `render` and `home`; knows the engine as a command and the cluster as an API.
"""
