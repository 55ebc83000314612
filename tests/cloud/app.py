"""The stand-in as one WSGI application: routing, faults, journal; the products do the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from tests.cloud import effects
from tests.cloud.cloudapi import CloudApiProduct
from tests.cloud.control import Control
from tests.cloud.core import Call, Product, SeenCall, ServiceError, World, bent
from tests.cloud.ecs import EcsProduct
from tests.cloud.ess import EssProduct
from tests.cloud.ess.activities import Notices
from tests.cloud.faults import Faults, Rule
from tests.cloud.fc import FunctionCompute
from tests.cloud.rpc import UnknownVersion
from tests.cloud.slb import SlbProduct
from tests.cloud.smq import Smq

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Cloud:
    """A world with its products behind one WSGI callable; ``/_cloud/*`` is the control surface."""

    def __init__(self, world: World, products: Sequence[Product], faults: Faults | None = None) -> None:
        self.world, self.products = world, {product.name: product for product in products}
        known = {f"{p.name}.{operation}" for p in products for operation in p.operations}
        self.faults = faults or Faults(known, world.clock)
        self._settling = [product.settle for product in products if hasattr(product, "settle")]
        self.control = Control(self)

    def __getitem__(self, name: str) -> Any:
        """Return a product by its name, ``cloud["ECS"]``."""
        return self.products[name]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        self.settle()
        if request.path.startswith("/_cloud/"):
            return self.control(request)(environ, start_response)
        product = next((product for product in self.products.values() if product.matches(request)), None)
        if product is None:
            return nobody(request)(environ, start_response)
        return self._serve(product, request)(environ, start_response)

    def settle(self) -> None:
        """Let what the clock brings happen in every product; each request does it first."""
        for settle in self._settling:
            settle()

    def reset(self) -> None:
        """Forget state, journal, faults and nonces; credentials and switches stay."""
        for product in self.products.values():
            clear = getattr(product, "clear", None)
            if clear is not None:
                clear()
        self.world.journal.clear()
        self.world.nonces.clear()
        self.faults.clear()

    def start(self) -> None:
        """Start what the products run in the background (triggers)."""
        for product in self.products.values():
            start = getattr(product, "start", None)
            if start is not None:
                start()

    def check(self) -> None:
        """Raise RuntimeError if something that the products run in the background is broken."""
        for product in self.products.values():
            check = getattr(product, "check", None)
            if check is not None:
                check()

    def close(self) -> None:
        """Stop what the products run in the background."""
        for product in self.products.values():
            close = getattr(product, "close", None)
            if close is not None:
                close()

    def _serve(self, product: Product, request: Request) -> Response:
        call = Call(request, product.operation(request), self.world.ids.request_id())
        rule = self.faults.draw(f"{product.name}.{call.operation}")
        status, code, message = 0, "", ""
        try:
            response, code, message = self._answer(product, call, rule)
            status = response.status_code
            if rule is not None and effects.misses(rule, response):
                self.faults.missed(rule)
                rule = None
            return effects.after(rule, response, request.environ)
        finally:
            self.world.journal.add(
                SeenCall(
                    operation=f"{product.name}.{call.operation}",
                    action=call.action,
                    access_key_id=call.credential.access_key_id if call.credential else "",
                    write=call.write,
                    parameters=dict(call.parameters),
                    status=status,
                    code=code,
                    fault=rule.id if rule else "",
                    verified=call.verified,
                    message=message,
                    at=self.world.clock.now(),
                )
            )

    def _answer(self, product: Product, call: Call, rule: Rule | None) -> tuple[Response, str, str]:
        """Return the answer, with code and message of a refusal."""
        try:
            replaced = effects.before(rule, call.request.environ, self.world)
            if replaced is not None:
                return replaced, "", ""
            with bent(skew=rule.skew if rule else 0.0, token_expired=bool(rule and rule.expired_token)):
                response = product.handle(call)
            hidden = effects.error_after(rule)
            if hidden is None:
                return response, "", ""
            return product.render(hidden, call), hidden.code, hidden.message
        except ServiceError as error:
            return product.render(error, call), error.code, error.message


def nobody(request: Request) -> Response:
    """Answer a request that is for none of the products."""
    text = json.dumps({"Code": "NotFound", "Message": f"No product of the stand-in serves {request.path}."})
    return Response(text, 404, content_type="application/json")


def build_products(world: World) -> list[Product]:
    """Construct every product of the stand-in; the first one that matches a request serves it."""
    smq = Smq(world)
    fc = FunctionCompute(world, smq)
    ecs, slb = EcsProduct(world, fc.ecs_state_change), SlbProduct(world)
    ess = EssProduct(world, ecs, Notices(world, smq, fc.put_event))
    cloud_api = CloudApiProduct(world, lambda vpc_id: ecs.in_vpc(vpc_id) | slb.in_vpc(vpc_id))
    return [cloud_api, ecs, slb, ess, smq, fc, UnknownVersion(world)]


def build_cloud(world: World | None = None) -> Cloud:
    """Return a stand-in with all products, on a fresh world unless one is given."""
    world = world or World()
    return Cloud(world, build_products(world))
