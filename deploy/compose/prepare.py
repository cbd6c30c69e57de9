"""Makes the bucket and the queues that the settings name in the stand-in of AWS; again is as well."""

import json
import os

import boto3


def prepare() -> None:
    """One bucket, a FIFO queue, and one for what nobody could handle."""
    bucket = os.environ["POCKETTREND_S3_BUCKET"]
    name = os.environ["POCKETTREND_SQS_URL"].rpartition("/")[2]
    region = os.environ["AWS_REGION"]
    s3, sqs = (boto3.client(name, region_name=region) for name in ("s3", "sqs"))
    if bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        place = {"LocationConstraint": region}
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    fifo = {"FifoQueue": "true"}
    dead = sqs.create_queue(QueueName=name.replace(".fifo", "-dead.fifo"), Attributes=fifo)
    asked = sqs.get_queue_attributes(QueueUrl=dead["QueueUrl"], AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": asked["Attributes"]["QueueArn"], "maxReceiveCount": 5}
    sqs.create_queue(QueueName=name, Attributes={**fifo, "RedrivePolicy": json.dumps(policy)})


if __name__ == "__main__":
    prepare()
