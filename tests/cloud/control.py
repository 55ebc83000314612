"""The control surface ``/_cloud/*``: state, journal, faults, switches, clock, seeds. Loopback only, unsigned."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from tests.cloud.core import ServiceError
from tests.cloud.page import guard, sight
from tests.cloud.page import routes as page
from tests.cloud.page.sending import send, way
from tests.cloud.seeds import permit, remove, seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from tests.cloud.app import Cloud


class Control:
    """Routes a control request; a bad document is 400 with the reason, an unknown route 404."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.routes: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "state"): lambda _body: self._state(),
            ("GET", "requests"): lambda _body: [_seen_call(call) for call in cloud.world.journal()],
            ("GET", "faults"): lambda _body: {"rules": cloud.faults.report(), "unfired": cloud.faults.unfired()},
            ("PUT", "faults"): self._set_faults,
            ("DELETE", "faults"): lambda _body: cloud.faults.clear(),
            ("POST", "reset"): lambda _body: cloud.reset(),
            ("POST", "clock"): self._clock,
            ("PUT", "switches"): self._switches,
            ("POST", "seed"): lambda body: seed(cloud, body),
            ("POST", "remove"): lambda body: remove(cloud, body),
            ("PUT", "permissions"): lambda body: permit(cloud.world, body),
            ("GET", "world"): lambda _body: {
                "authorizations": sight.authorizations(cloud),
                "instances": sight.instances(cloud),
            },
            ("GET", "results"): lambda _body: sight.results(cloud),
            ("GET", "invocations"): lambda _body: sight.invocations(cloud, 50),
            ("POST", "send"): lambda body: send(cloud, body),
            ("POST", "way"): lambda body: way(cloud, body["id"], body.get("at", 0.0)),
        }
        self.routes.update(page.routes(cloud))
        for product in cloud.products.values():
            own = getattr(product, "control_routes", None)
            if own is not None:
                self.routes.update(own())

    def __call__(self, request: Request) -> Response:
        """Answer one control request: as JSON, but for the page and its files."""
        return guard.guarded(self._answer(request))

    def _answer(self, request: Request) -> Response:
        if problem := guard.problem(request):
            return _json({"error": problem}, 403)
        if (found := page.file(self._cloud, request)) is not None:
            return found
        route = self.routes.get((request.method, request.path.removeprefix("/_cloud/")))
        if route is None:
            known = ", ".join(f"{method} /_cloud/{name}" for method, name in sorted(self.routes))
            return _json({"error": f"no such control route; there are {known}"}, 404)
        try:
            body = json.loads(request.get_data() or b"null")
            return _json(route(body))
        except (ValueError, LookupError, TypeError, AttributeError, ServiceError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    def _state(self) -> dict[str, Any]:
        world = self._cloud.world
        return {
            "now": world.clock.now(),
            "account_id": world.account_id,
            "region_id": world.region_id,
            "switches": asdict(world.switches),
            "products": {name: product.state() for name, product in self._cloud.products.items()},
        }

    def _set_faults(self, body: Any) -> Any:
        self._cloud.faults.set(body)
        return {"rules": self._cloud.faults.report()}

    def _clock(self, body: Any) -> Any:
        clock = self._cloud.world.clock
        if unknown := sorted(set(body) - {"advance", "skew"}):
            raise ValueError(f"unknown key {', '.join(unknown)}; there are advance, skew")
        if "skew" in body:
            clock.skew = float(body["skew"])
        if "advance" in body:
            clock.advance(float(body["advance"]))
        return {"now": clock.now()}

    def _switches(self, body: Any) -> Any:
        world = self._cloud.world
        world.switches = world.switches.with_values(**body)
        return asdict(world.switches)


def _seen_call(call: Any) -> dict[str, Any]:
    return {**asdict(call), "parameters": dict(call.parameters)}


def _json(body: Any, status: int = 200) -> Response:
    return Response(page.dumped(body), status, content_type="application/json")
