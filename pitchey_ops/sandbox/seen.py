"""What was asked of each service, and how much of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_MOST_PATHS = 2000


@dataclass(slots=True)
class _Count:
    requests: int = 0
    in_flight: int = 0
    most_at_once: int = 0
    methods: dict[str, int] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)


class Seen:
    """Counts by service: requests, how many at once at the worst moment, and by method and path."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    @contextmanager
    def request(self, service: str, method: str, path: str) -> Iterator[None]:
        """Count one request for as long as it lasts, its body included."""
        count = self._begun(service, method, path)
        try:
            yield
        finally:
            count.in_flight -= 1

    def passed(self, service: str, method: str, path: str) -> None:
        """Count one request that is answered at once."""
        self._begun(service, method, path).in_flight -= 1

    def _begun(self, service: str, method: str, path: str) -> _Count:
        count = self._counts.get(service)
        if count is None:
            count = self._counts[service] = _Count()
        count.requests += 1
        count.in_flight += 1
        count.most_at_once = max(count.most_at_once, count.in_flight)
        count.methods[method] = count.methods.get(method, 0) + 1
        if path in count.paths or len(count.paths) < _MOST_PATHS:
            count.paths[path] = count.paths.get(path, 0) + 1
        return count

    def forget(self) -> None:
        """Begin anew; requests in flight stay counted as such."""
        running = {name: count.in_flight for name, count in self._counts.items() if count.in_flight}
        for count in self._counts.values():
            count.requests, count.most_at_once = 0, count.in_flight
            count.methods.clear()
            count.paths.clear()
        self._counts = {name: self._counts[name] for name in running}

    def as_dict(self) -> dict[str, dict[str, object]]:
        """Return the counts as JSON values."""
        return {
            name: {
                "requests": count.requests,
                "in_flight": count.in_flight,
                "most_at_once": count.most_at_once,
                "methods": dict(sorted(count.methods.items())),
                "paths": dict(sorted(count.paths.items())),
            }
            for name, count in sorted(self._counts.items())
        }
