"""The twin: a simulated home on this machine, on which the program is tried before the home sees it.

Real: Pulumi's engine, etcd, the Kubernetes API server with PodSecurity admission, scheduler and controller manager.
Simulated: the nodes (kwok and `twin.controllers`), their GPUs and volumes, the clouds (`twin.standins`). May import
`home`, and `tailnet` and `exposure` for who reaches what; the program knows nothing of it.
"""
