"""Watching the home: metrics, alerts, logs and dashboards. What each part runs, and how it is told, is plain data.

Prometheus asks what workloads say that they tell (`Workload.metrics`), so a room says its port and path once: the
scrape job, the NetworkPolicy and the dashboards follow. `room` registers it all with Pulumi.
"""
