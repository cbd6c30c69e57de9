"""Uploads: files that somebody gives us, sealed at rest, told by their bytes and not by their name."""

from resolvers.uploads.links import Bearer, check_link, link_path, sign_link
from resolvers.uploads.names import attachment, clean_filename
from resolvers.uploads.reading import (
    SignedFile,
    delete_upload,
    mark_deleted,
    open_upload,
    read_signed_file,
)
from resolvers.uploads.receipts import MAX_RECEIPTS, attach_receipt, remove_receipts_of
from resolvers.uploads.rows import (
    count_uploads,
    get_upload,
    list_uploads,
    uploads_by_id,
    uploads_by_transaction,
)
from resolvers.uploads.sniff import sniff
from resolvers.uploads.storing import (
    Received,
    UploadCreate,
    drop_received,
    insert_upload,
    keep_upload,
    receive_file,
    store_upload,
)
from resolvers.uploads.sweep import keep_swept, sweep_orphans

__all__ = [
    "MAX_RECEIPTS",
    "Bearer",
    "Received",
    "SignedFile",
    "UploadCreate",
    "attach_receipt",
    "attachment",
    "check_link",
    "clean_filename",
    "count_uploads",
    "delete_upload",
    "drop_received",
    "get_upload",
    "insert_upload",
    "keep_swept",
    "keep_upload",
    "link_path",
    "list_uploads",
    "mark_deleted",
    "open_upload",
    "read_signed_file",
    "receive_file",
    "remove_receipts_of",
    "sign_link",
    "sniff",
    "store_upload",
    "sweep_orphans",
    "uploads_by_id",
    "uploads_by_transaction",
]
