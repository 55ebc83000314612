"""The request as pydantic models: what one writes, and what ``shared.events.request`` says to pydantic's core instead."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class AccessTag(BaseModel):
    """A tag of the authorization."""

    model_config = ConfigDict(extra="forbid")

    Key: Annotated[str, Field(min_length=1, max_length=128)]
    Value: Annotated[str, Field(max_length=128)] = ""


class AccessRequest(BaseModel):
    """A request to authorize one instance and port."""

    model_config = ConfigDict(extra="forbid")

    Name: Annotated[str, Field(min_length=1, max_length=256)]
    VpcId: Annotated[str, Field(max_length=64, pattern="^vpc-[A-Za-z0-9]+$")]
    InstanceId: Annotated[str, Field(max_length=128, pattern="^[A-Za-z0-9.:_-]+$")]
    Port: Annotated[int, Field(ge=1, le=65_535)]
    Description: Annotated[str, Field(max_length=1024)] | None = None
    VpcTargetHostName: Annotated[str, Field(max_length=253)] | None = None
    Tag: Annotated[list[AccessTag], Field(max_length=18)] = []
