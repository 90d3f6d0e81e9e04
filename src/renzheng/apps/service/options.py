"""The text fields of a form, parsed and validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from renzheng.apps.service.problems import Problem
from renzheng.apps.service.uploads import Form
from renzheng.errors import InvalidInput
from renzheng.faces.quality import MEASURES, read_demands
from renzheng.types import Role
from renzheng.verification.policy import Policy

_DEMAND = rf"^(document|live)\.({'|'.join(MEASURES)})=([0-9]|[1-9][0-9]|100)$"
_ROLES = "^(document|photo),(document|live|photo)$"
_REMEDIES = {
    "roles": "e.g. document,live or photo,photo",
    "min_quality": "ROLE.MEASURE=N, e.g. live.sharpness=30; /v1/quality shows the measures",
    "max_fmr": "a rate above 0 and below 1, e.g. 1e-4",
}
Rate = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: str | None = Field(default=None, description="one of /v1/packs; by default the first")


Options = TypeVar("Options", bound=_Options)


class DetectOptions(_Options):
    """The options that may accompany a picture."""


class RoleOptions(_Options):
    """The options that may accompany a picture of one person."""

    role: Role | None = Field(
        default=None, description="what it is a picture of; a document is turned and straightened"
    )


class VerifyOptions(_Options):
    """The options that may accompany two pictures."""

    max_fmr: Rate | None = Field(
        default=None, description="the highest false match rate of a match"
    )
    inconclusive: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = Field(
        default=None, description="inconclusive up to so many times `max_fmr`"
    )
    roles: Annotated[str, Field(pattern=_ROLES)] | None = Field(
        default=None,
        description="what reference and probe are pictures of",
        examples=["document,live", "photo,photo"],
    )
    min_quality: list[Annotated[str, Field(pattern=_DEMAND)]] = Field(
        default_factory=list,
        max_length=60,
        description="ROLE.MEASURE=N: refuse what is below N of 100",
        examples=[["live.sharpness=30"]],
    )
    min_liveness: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    allow_several_faces: bool | None = None
    allow_same_picture: bool | None = None
    display: bool = Field(default=False, description="send pictures, crops and curves too")

    @field_validator("allow_several_faces", "allow_same_picture", "display", mode="before")
    @classmethod
    def _flag(cls, value: object, info: ValidationInfo) -> object:
        # pydantic also accepts "t", "on" and more; one spelling is enough.
        if isinstance(value, str) and value not in ("true", "false"):
            raise ValueError("true or false is wanted")
        return value

    def policy(self, usual: Policy) -> Policy:
        """Return the policy asked for; fields that were not sent are those of `usual`.

        Raises
        ------
        Problem
            If the values make no valid policy.
        """
        named = ("max_fmr", "inconclusive", "min_liveness", "allow_several_faces")
        sent = {name: getattr(self, name) for name in (*named, "allow_same_picture")}
        changes: dict[str, Any] = {k: v for k, v in sent.items() if v is not None}
        try:
            if self.min_quality:
                document, live = read_demands(self.min_quality)
                changes |= {"min_document_quality": document, "min_live_quality": live}
            return Policy(**{**_fields(usual), **changes})
        except InvalidInput as error:
            field = "min_quality" if self.min_quality else None
            raise Problem("invalid", error.reason, error.remedy, field) from None

    def both_roles(self) -> tuple[Role, Role]:
        """Return the roles of reference and probe."""
        reference, probe = (self.roles or "document,live").split(",")
        return Role(reference), Role(probe)


def _fields(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__dataclass_fields__}


def read(kind: type[Options], form: Form, files: Mapping[str, str]) -> Options:
    """Return the options of a form, which must hold these files and no unknown field.

    Parameters
    ----------
    kind
        The type of the options.
    form
        The form as it was sent.
    files
        The picture fields, with a description of each.

    Raises
    ------
    Problem
        If a field is missing, unknown, repeated or not accepted.
    """
    for name, description in files.items():
        if name in form.fields:
            raise Problem(
                "invalid",
                f"{name} is a text",
                "send the picture itself, as a part with a file name; addresses and paths are "
                "never opened",
                name,
            )
        if name not in form.files:
            raise Problem(
                "invalid", f"{description} is missing", f"send it as the file {name}", name
            )
    for name in form.files:
        if name not in files:
            raise Problem("invalid", f"no picture called {name[:80]!r} is wanted", None, name[:80])
    lists = {"min_quality"}
    sent: dict[str, object] = {}
    for name, texts in form.fields.items():
        if name in lists:
            sent[name] = texts
        elif len(texts) > 1:
            raise Problem("invalid", f"{name[:80]} is said twice", None, name[:80])
        elif texts[0]:  # an empty field of a form was not filled in
            sent[name] = texts[0]
    try:
        return kind.model_validate(sent)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            known = ", ".join([*files, *kind.model_fields])
            raise Problem(
                "invalid", f"there is no field {field[:80]!r}", f"there are: {known}", field[:80]
            ) from None
        reason, remedy = first["msg"], _REMEDIES.get(field)
        if first["type"] == "string_pattern_mismatch":
            reason = "this is not of the form wanted"
        raise Problem("invalid", f"{field}: {reason}", remedy, field) from None
