"""Alembic's entry: runs the migrations on the connection that the caller hands over."""

from alembic import context
from alembic.runtime.migration import MigrationInfo

from models.tables import metadata

connection = context.config.attributes["connection"]
told = context.config.attributes.get("applied")


def _tell(ctx: object, step: MigrationInfo, heads: object, run_args: object) -> None:  # noqa: ARG001
    if told is not None:
        told(step.up_revision_id)


context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    transaction_per_migration=True,
    on_version_apply=_tell,
)
with context.begin_transaction():
    context.run_migrations()
