"""Who is found under which labels: Services, controllers, budgets, and the backends of Ingresses."""

from __future__ import annotations

from collections.abc import Iterator

from references.objects import Objects, Pods, matches, name_of, namespace_of
from references.place import Place, Problem
from references.provided import Provided


def check(objects: Objects, provided: Provided) -> Iterator[Problem]:
    """Every object is in a namespace that exists, and every selector finds the pods that it is meant for."""
    there = [*objects.names("Namespace"), *provided.namespaces]
    seen: set[str] = set()
    for one in objects.all:
        if one.resource in seen:
            yield one.get("metadata", "name").should("a name that no other object of its kind has there")
        seen.add(one.resource)
        namespace = one.get("metadata", "namespace")
        if not namespace.absent and namespace.value not in there:
            yield namespace.unresolved("Namespace", there)
    for pods in objects.pods:
        yield from _controller(pods, objects)
    for service in objects.of("Service"):
        yield from _service(service, objects)
    for budget in objects.of("PodDisruptionBudget"):
        yield from one_controller(budget.get("spec", "selector", "matchLabels"), namespace_of(budget), objects)
    for ingress in objects.of("Ingress"):
        yield from _ingress(ingress, objects)


def one_controller(labels: Place, namespace: str, objects: Objects) -> Iterator[Problem]:
    """A problem where labels don't find the pods of exactly one controller."""
    found = objects.selected(namespace, labels.value) if labels.value else []
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        yield labels.should(f"labels of one controller's pods, and these are of several: {names}")
    elif not found:
        yield wrong_label(labels, namespace, objects)


def wrong_label(labels: Place, namespace: str, objects: Objects) -> Problem:
    """The label, among those of a selector that finds nothing, that no pod of the namespace has."""
    inside = [one for one in objects.pods if one.namespace == namespace]
    for key, place in labels.entries():
        values = [one.labels[key] for one in inside if key in one.labels]
        if place.value not in values:
            return place.unresolved(f"pod in namespace {namespace}", values)
    return labels.should(f"labels that pods in namespace {namespace} have")


def _controller(pods: Pods, objects: Objects) -> Iterator[Problem]:
    if pods.kind in ("Pod", "Job", "CronJob"):
        return
    selector = pods.whole.get("spec", "selector", "matchLabels")
    if not selector.value:
        yield selector.should("labels of its own pods")
    for key, place in selector.entries():
        if pods.labels.get(key) != place.value:
            yield place.should(f"the label that its own pods have: {pods.labels.get(key)}")
    if matches(selector.value, pods.labels):
        for other in objects.selected(pods.namespace, selector.value):
            if other is not pods:
                yield selector.should(f"labels that only its own pods have, and those of {other.name} have them, too")
    front = pods.whole.get("spec", "serviceName")
    if pods.kind == "StatefulSet" and not front.absent:
        service = objects.find("Service", front.value, pods.namespace)
        if service is None:
            yield front.unresolved(f"Service in namespace {pods.namespace}", objects.names("Service", pods.namespace))
        elif not matches(service.get("spec", "selector").value, pods.labels):
            yield front.should(f"a Service in front of its own pods, and {name_of(service)} is in front of others")


def _service(service: Place, objects: Objects) -> Iterator[Problem]:
    selector = service.get("spec", "selector")
    if service.get("spec", "type").value == "ExternalName" or selector.absent:
        return
    namespace = namespace_of(service)
    yield from one_controller(selector, namespace, objects)
    found = objects.selected(namespace, selector.value)
    if len(found) != 1:
        return
    [pods] = found
    for port in service.get("spec", "ports").items():
        target = port.get("targetPort") if not port.get("targetPort").absent else port.get("port")
        number = pods.opens(target.value, port.get("protocol").value or "TCP")
        if number is None:
            known = [name or str(of) for name, _, of in pods.ports()]
            yield target.unresolved(f"port of {pods.name}", known)
        elif port.get("port").value != number:
            # One number for a port wherever it is named: policies go by the pod's, addresses by the Service's.
            yield port.get("port").should(f"{number}, the port of {pods.name} that it leads to")


def _ingress(ingress: Place, objects: Objects) -> Iterator[Problem]:
    backends = [ingress.get("spec", "defaultBackend")]
    for rule in ingress.get("spec", "rules").items():
        backends += [path.get("backend") for path in rule.get("http", "paths").items()]
    for backend in backends:
        name = backend.get("service", "name")
        if name.absent:
            continue
        namespace = namespace_of(ingress)
        service = objects.find("Service", name.value, namespace)
        if service is None:
            yield name.unresolved(f"Service in namespace {namespace}", objects.names("Service", namespace))
            continue
        for key, of in (("name", "name"), ("number", "port")):
            port = backend.get("service", "port", key)
            known = [one.get(of).value for one in service.get("spec", "ports").items()]
            if not port.absent and port.value not in known:
                yield port.unresolved(f"port of {service.resource}", [str(one) for one in known])
