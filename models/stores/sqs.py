"""A queue in SQS that tells workers of jobs at once; what the jobs are stands in the database.

A FIFO queue: the group of a message is the ledger of its job, so that one ledger's burst does not
hold up the others, and a job that is told twice within five minutes is told once.  A message that
was received too often goes to the dead-letter queue of the queue's redrive policy by itself.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from botocore.exceptions import ClientError

from models.stores.aws import Aws, AwsAway, told
from models.stores.queue import VISIBLE_SECONDS, Delivery, Prompt

MOST: Final = 10
"""Messages of one call."""
_STALE: Final = frozenset(
    {"ReceiptHandleIsInvalid", "InvalidParameterValue", "AWS.SimpleQueueService.MessageNotInflight"}
)
_log: Final = structlog.get_logger("queue")


class SqsQueue:
    """One FIFO queue."""

    def __init__(self, sqs: Aws, url: str) -> None:
        self._sqs = sqs
        self._url = url

    async def _call(self, name: str, **values: Any) -> Any:
        try:
            return await self._sqs.call(name, QueueUrl=self._url, **values)
        except ClientError as error:
            raise AwsAway(f"sqs {name}: {told(error)}") from error

    async def send(self, prompts: Sequence[Prompt]) -> None:
        """Tell of jobs, ten in a call; raises AwsAway."""
        for start in range(0, len(prompts), MOST):
            some = prompts[start : start + MOST]
            answer = await self._call(
                "send_message_batch",
                Entries=[
                    {
                        "Id": str(number),
                        "MessageBody": str(one.job_id),
                        "MessageGroupId": str(one.ledger_id),
                        "MessageDeduplicationId": f"{one.job_id}-{one.attempts}",
                    }
                    for number, one in enumerate(some)
                ],
            )
            if answer.get("Failed"):
                raise AwsAway(f"sqs send: {answer['Failed'][0].get('Code', 'Unknown')}")

    async def receive(self, *, seconds: int, most: int) -> list[Delivery]:
        """Wait so long for words and hide them from others; raises AwsAway."""
        answer = await self._call(
            "receive_message",
            MaxNumberOfMessages=max(1, min(most, MOST)),
            WaitTimeSeconds=seconds,
            VisibilityTimeout=VISIBLE_SECONDS,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        found = []
        for one in answer.get("Messages", ()):
            count = int(one.get("Attributes", {}).get("ApproximateReceiveCount", 1))
            try:
                job_id = UUID(one["Body"])
            except ValueError:
                # Nobody here wrote that: it stays, and ends in the dead-letter queue.
                _log.warning("queue.strange_message", received=count)
                continue
            found.append(Delivery(job_id, count, one["ReceiptHandle"]))
        return found

    async def hold(self, delivery: Delivery, seconds: int) -> bool:
        """Hide a word for so long from now; False when it is not ours any more."""
        return await self._settled("change_message_visibility", delivery, VisibilityTimeout=seconds)

    async def done(self, delivery: Delivery) -> bool:
        """Remove a word; False when it is not ours any more."""
        return await self._settled("delete_message", delivery)

    async def _settled(self, name: str, delivery: Delivery, **values: Any) -> bool:
        try:
            await self._sqs.call(name, QueueUrl=self._url, ReceiptHandle=delivery.receipt, **values)
        except ClientError as error:
            if told(error) in _STALE:
                return False
            raise AwsAway(f"sqs {name}: {told(error)}") from error
        return True

    async def probe(self) -> None:
        """Whether the queue answers."""
        await self._call("get_queue_attributes", AttributeNames=["QueueArn"])
