"""Calls of AWS beside the event loop: clients made once, a sized pool of threads, short time-outs.

Region, credentials and endpoints are AWS' own settings (``AWS_REGION``, a role or
``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL_S3`` and so on); a test names an endpoint itself.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS: Final = 1
READ_SECONDS: Final = 5
THREADS: Final = 16


class AwsAway(OSError):
    """A service of AWS does not answer, or not now; says which call and why, and no value."""


class NoRegion(ValueError):
    """Nothing says in which region a service is."""


def told(error: Exception) -> str:
    """The code of a failed call."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


class Aws:
    """One client of one service."""

    def __init__(
        self,
        service: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        login: tuple[str, str] | None = None,
        threads: int = THREADS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        access = {} if login is None else dict(zip(_LOGIN, login, strict=True))
        self.client: Any
        try:
            self.client = boto3.session.Session().client(
                service,
                endpoint_url=endpoint,
                # Where AWS runs us it says AWS_REGION, which boto3 does not read by itself.
                region_name=region or os.environ.get("AWS_REGION"),
                config=Config(
                    # With an endpoint of its own boto3 would sign links the old way, which SSE-KMS
                    # refuses.
                    signature_version="s3v4" if service == "s3" else None,
                    s3={"addressing_style": "path"} if endpoint else None,
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=read_seconds,
                    retries={"total_max_attempts": 2, "mode": "standard"},
                    max_pool_connections=threads,
                    user_agent_extra="pockettrend",
                ),
                **access,
            )
        except NoRegionError as error:
            raise NoRegion(service) from error
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"aws-{service}")

    async def call(self, name: str, **values: Any) -> Any:
        """One call by its name in boto3; raises ClientError for an answer that says no, AwsAway."""
        return await self.run(getattr(self.client, name), **values)

    async def run(self, work: Callable[P, T], *args: P.args, **values: P.kwargs) -> T:
        """Blocking work in a thread of ours."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: work(*args, **values))
        except BotoCoreError as error:
            raise AwsAway(f"{type(error).__name__}") from error

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()


_LOGIN: Final = ("aws_access_key_id", "aws_secret_access_key")
