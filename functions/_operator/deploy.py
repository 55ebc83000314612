"""``deploy`` and ``destroy``: build, upload, preview, create or change the stack of ``template.yml``, wait; and take it down.

Through our own signer, so that nothing has to be installed or logged in beforehand; what is sent is held against
what the vendor's clients send (``tests/vectors/deploy-requests.json``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import click

from functions._operator import access, oss, terminal
from functions._operator.build import ROOT, RUNTIMES, build
from functions._operator.contents import Places, hidden_for_too_short, holdings
from functions._operator.parameters import declared_in, problems_of
from functions._operator.ros import MINUTES, Stacks
from shared.cloud import endpoints
from shared.cloud.session import Session

TEMPLATE = ROOT / "template.yml"
_UPLOAD_SECONDS = 300.0
_MARGIN_SECONDS = 120.0


class Target(NamedTuple):
    """Where things go. Endpoints are URLs; ``bucket_endpoint`` is the bucket's own."""

    region: str
    stack: str
    bucket: str
    ros_endpoint: str
    bucket_endpoint: str
    places: Places


class Code(NamedTuple):
    """What is deployed: the zip, the key that names its content, and the Python version that it is for."""

    archive: Path
    key: str
    version: str

    def parameters(self, bucket: str) -> dict[str, str]:
        """Return the template's parameters that follow from the code."""
        return {"CodeBucket": bucket, "CodeObject": self.key, "Runtime": f"python{self.version}"}


def target(stack: str, bucket: str, environment: Mapping[str, str] = os.environ) -> Target:
    """Return where to deploy, from the environment: ALIBABA_CLOUD_REGION_ID, and the endpoints that are set there.

    These are ROS_ENDPOINT, OSS_ENDPOINT, SMQ_ENDPOINT and APIGATEWAY_ENDPOINT. Without a bucket it has no endpoint.
    Raises a ClickException for what is missing or is not an endpoint.
    Endpoints: https://www.alibabacloud.com/help/en/ros/developer-reference/api-ros-2019-09-10-endpoint,
    https://help.aliyun.com/zh/oss/user-guide/regions-and-endpoints
    """
    region = access.region(environment)
    return Target(
        region,
        stack,
        bucket,
        access.endpoint("ROS_ENDPOINT", "https://ros.aliyuncs.com", environment),
        access.endpoint("OSS_ENDPOINT", f"https://{bucket}.oss-{region}.aliyuncs.com", environment) if bucket else "",
        Places(
            access.endpoint("SMQ_ENDPOINT", "", environment) if environment.get("SMQ_ENDPOINT") else "",
            access.endpoint("APIGATEWAY_ENDPOINT", endpoints.derived("apigateway", region), environment),
        ),
    )


def _pairs(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Read ``KEY=VALUE`` options, each a parameter that the template takes."""
    pairs = [item.partition("=") for item in given]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise click.BadParameter(f"{', '.join(wrong)}: write a parameter of template.yml as KEY=VALUE")
    names = [name for name, _, _ in pairs]
    problems = [f"{name} is given twice: keep one" for name in dict.fromkeys(names) if names.count(name) > 1]
    problems += problems_of({name: value for name, _, value in pairs}, declared_in(TEMPLATE))
    if problems:
        raise click.BadParameter("\n  ".join(["the template does not take them:", *problems]))
    return {name: value for name, _, value in pairs}


_stack = click.option("--stack", default="vpc-access", show_default=True, help="Name of the stack.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("deploy")
@click.option("--bucket", envvar="CODE_BUCKET", required=True, help="OSS bucket for the zip, in the same region.")
@_stack
@click.option("-p", "--parameter", "parameters", multiple=True, callback=_pairs, help="KEY=VALUE of template.yml.")
@click.option("--python-version", "version", type=click.Choice(RUNTIMES), default=RUNTIMES[0], show_default=True)
@click.option("--dry-run", is_flag=True, help="Build and preview; upload nothing, change nothing.")
@_yes
def deploy(bucket: str, stack: str, parameters: dict[str, str], version: str, *, dry_run: bool, yes: bool) -> None:
    """Build the zip, upload it and create or update the stack; show what would change and ask first.

    ALIBABA_CLOUD_REGION_ID says where, ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and _SECURITY_TOKEN as whom. The first
    time the template wants  -p Owner=… -p AllowedVpcIds=… -p AllowedPorts=… ; later, what is not given stays.
    """
    where = target(stack, bucket)
    access.credentials()  # reported before the build, not after it
    with terminal.waiting("building the zip"):
        package = build(ROOT / "dist", version)
    code = Code(package.archive, f"{stack}/{package.digest[:16]}.zip", version)
    click.echo(f"1 built {package.archive} ({package.archive.stat().st_size:,} bytes, sha256 {package.digest})")
    confirm = None if yes else lambda: click.confirm("go on?", abort=True)
    with _session() as session:
        roll_out(session, where, code, parameters, confirm, dry_run=dry_run)


@click.command("destroy")
@_stack
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@_yes
def destroy(stack: str, *, dry_run: bool, yes: bool) -> None:
    """Delete the stack with its functions, queues, topic, roles and logs; say what that loses and what stays, and ask first.

    Messages that wait in the queues are lost. Authorizations at the gateway stay, and so do the zips in the bucket.
    """
    where = target(stack, "")
    confirm = None if yes else lambda: click.confirm(f"delete the stack {stack} and everything in it?", abort=True)
    with _session() as session:
        take_down(session, where, confirm, dry_run=dry_run)


def _session() -> AbstractContextManager[Session]:
    return access.session(MINUTES * 60 + _MARGIN_SECONDS, read_seconds=_UPLOAD_SECONDS)


def roll_out(
    session: Session,
    where: Target,
    code: Code,
    parameters: Mapping[str, str],
    confirm: Callable[[], object] | None,
    *,
    dry_run: bool = False,
) -> None:
    """Preview, then upload and create or update, then wait; raises ClickException when the stack is not created or updated."""
    stacks = Stacks(session, where.ros_endpoint, where.region)
    template = TEMPLATE.read_text(encoding="utf-8")
    values = {**parameters, **code.parameters(where.bucket)}
    stack_id = stacks.find(where.stack)
    changes = stacks.preview(where.stack, stack_id, template, values)
    click.echo(f"2 previewed {'changes of' if stack_id else 'the new'} stack {where.stack} in {where.region}")
    for change in changes:
        if change.action != "None":
            click.echo(f"    {change.action:7} {change.name} ({change.type})")
    operation = "UpdateStack" if stack_id else "CreateStack"
    if dry_run:
        click.echo(f"3 would upload {code.archive.name} to oss://{where.bucket}/{code.key}\n4 would call {operation}")
        return
    if confirm is not None:
        confirm()
    oss.put(session, where.bucket_endpoint, where.bucket, code.key, code.archive.read_bytes(), where.region)
    click.echo(f"3 uploaded {code.archive.name} to oss://{where.bucket}/{code.key}")
    if stack_id:
        stacks.update(stack_id, template, values)
    else:
        stack_id = stacks.create(where.stack, template, values)
    click.echo(f"4 called {operation}: {stack_id}")
    state = stacks.wait(stack_id, lambda status: click.echo(f"    {status}"))
    if not state.good:
        raise _failed(stacks, stack_id, f"{state.status}: {state.reason}")
    for name, value in state.outputs.items():
        click.echo(f"{name}: {value}")
    for problem in hidden_for_too_short(session, where.places, state):
        click.echo(f"warning: {terminal.printable(problem)}", err=True)


def take_down(session: Session, where: Target, confirm: Callable[[], object] | None, *, dry_run: bool = False) -> None:
    """Delete the stack and wait; a stack that is not there is not an error."""
    stacks = Stacks(session, where.ros_endpoint, where.region)
    stack_id = stacks.find(where.stack)
    if not stack_id:
        click.echo(f"there is no stack {where.stack} in {where.region}")
        return
    for fate, text in holdings(session, where.places, stacks.state(stack_id)):
        click.echo(f"{fate:8}{terminal.printable(text)}")
    if dry_run:
        click.echo(f"would delete the stack {where.stack} ({stack_id}) and everything in it")
        return
    if confirm is not None:
        confirm()
    stacks.delete(stack_id)
    state = stacks.wait(stack_id, lambda status: click.echo(f"    {status}"))
    if state.status != "DELETE_COMPLETE":
        raise _failed(stacks, stack_id, f"{state.status}: {state.reason}")
    click.echo(f"deleted the stack {where.stack}")


def _failed(stacks: Stacks, stack_id: str, text: str) -> click.ClickException:
    return click.ClickException("\n  ".join([f"the stack {stack_id} is {text}", *stacks.failures(stack_id)]))
