"""What a home's machines do and kwok doesn't: one background process, `python -m twin.controllers --state DIR`.

    kubelet   lets a pod start when what it refers to is there, and says why when it isn't
    gpu       reads a device plugin's config as the plugin would, and offers its slices on the node
    csi       enters a driver on a node while the driver's pod runs there
    volumes   makes the volumes that claims ask for, and removes them

Each is a pure part (plain objects in, decisions out) and a `reconcile` that compares and acts; called again, it does
nothing.
"""
