"""Configuration: environment variables `TRADESEAL_…`, read here and nowhere else."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(Exception):
    """A setting that cannot be used; names the variable and the reason."""


class Settings(BaseSettings):
    """Every setting with its default; the defaults run everything on this machine alone."""

    model_config = SettingsConfigDict(env_prefix="TRADESEAL_", extra="ignore")

    home: Path = Field(default_factory=lambda: Path.home() / ".tradeseal")
    """Folder of this installation: keys, databases, content, the embedded chain."""
    rpc_url: AnyHttpUrl | None = None
    """JSON-RPC endpoint of the network; none: an embedded Anvil chain."""
    database: str | None = None
    """SQLAlchemy URL for all tables; none: SQLite files in the home folder."""
    vault: str | None = None
    """URLs of the content stores (see vault.location), several one vault; none: a folder in the home."""
    vault_acknowledge: Annotated[int, Field(gt=0)] | None = None
    """How many of several stores must have a write before it counts; none: all."""
    ipfs_authorization: SecretStr | None = None
    """Authorization header for the RPC API of IPFS daemons."""
    host: str = "127.0.0.1"
    """Address the API listens on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8437
    """Port the API listens on; 0 takes a free one."""
    public_url: AnyHttpUrl | None = None
    """Where consumers reach the API; goes into QR codes. None: http://host:port."""
    api_url: AnyHttpUrl | None = None
    """API that client commands talk to; none: the one that runs in the home folder."""
    max_body: Annotated[int, Field(gt=0)] = 8 * 1024 * 1024
    """Largest request body in bytes."""
    gateway_token: SecretStr | None = None
    """Bearer token that a member's gateway asks of who submits; none: it listens on this machine alone."""
    gateway_database: str | None = None
    """SQLAlchemy URL of a gateway's spool; none: an SQLite file in its folder."""
    gateway_url: AnyHttpUrl | None = None
    """Gateway that `tradeseal gateway` commands talk to; none: http://127.0.0.1:8438."""
    trust: Path | None = None
    """Trust file for `verify`; none: the installation's own."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


def load() -> Settings:
    """Settings from the environment. Raises SettingsError."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "TRADESEAL_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']} (got {str(first['input'])[:200]!r})") from None
