"""The REST surface on one page: each row maps a documented /v1 path onto a stored operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SORTS: Final[Mapping[str, Mapping[str, str]]] = {
    "sort": {
        "-date": "DATE_DESC",
        "date": "DATE_ASC",
        "-amount": "AMOUNT_DESC",
        "amount": "AMOUNT_ASC",
    }
}
EXPORTS: Final[Mapping[str, Mapping[str, str]]] = {
    "format": {"csv": "CSV", "json": "JSON", "pdf": "PDF"},
    "paper": {"a4": "A4", "letter": "LETTER"},
}


BOXES: Final[Mapping[str, Mapping[str, str]]] = {"box": {"received": "RECEIVED", "sent": "SENT"}}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One documented endpoint: what it is called by, and the operation that answers it.

    ``words`` translates values of query and path; ``read`` and ``write`` name the few bodies that are not
    JSON; ``public`` rows need no token; ``secret`` bodies are never stored by anyone.
    """

    method: str
    path: str
    operation: str
    status: int = 200
    message: str = "Operation completed successfully"
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    read: str | None = None
    write: str | None = None
    public: bool = False
    secret: bool = False
    expires: bool = False
    """The body carries expiring links, so it has no validator."""
    ages: bool = False
    """Its cursor may reach back too far, which is 410."""
    later: str | None = None
    """What is said, with 202, when the object is not there yet and a mail must be answered."""
    place: str | None = None
    """Where what it makes is found, when that is not below its own path."""
    invites: str | None = None
    """Where the invitation lies that it may make instead, which it answers with 202."""


_INVITED: Final = "The invitation is on its way"
_ACCEPTED: Final = "Accepted; the work goes on"
_MAILED: Final = "If somebody has this address, a mail is on its way"

_PROVE: Final = "A mail is on its way; answer it to go on"

ENDPOINTS: Final = (
    Endpoint(
        "POST", "/auth/register", "Register", 201, "Welcome", public=True, secret=True, later=_PROVE
    ),
    Endpoint("POST", "/auth/login", "Login", message="Signed in", public=True, secret=True),
    Endpoint("POST", "/auth/logout", "Logout", message="Signed out", public=True),
    Endpoint("POST", "/auth/refresh", "Refresh", message="Renewed", public=True, secret=True),
    Endpoint("POST", "/auth/forgot-password", "ForgotPassword", 202, _MAILED, public=True),
    Endpoint("POST", "/auth/reset-password", "ResetPassword", public=True, secret=True),
    Endpoint("POST", "/auth/verify-email", "VerifyEmail", public=True, secret=True),
    Endpoint("GET", "/auth/me", "GetMe"),
    Endpoint("PUT", "/auth/me", "UpdateMe"),
    Endpoint("DELETE", "/auth/me", "DeleteUser", message="Deleted", secret=True),
    Endpoint("GET", "/categories", "ListCategories"),
    Endpoint("POST", "/categories", "CreateCategory", 201),
    Endpoint("GET", "/categories/{id}", "GetCategory"),
    Endpoint("PUT", "/categories/{id}", "UpdateCategory"),
    Endpoint("DELETE", "/categories/{id}", "DeleteCategory"),
    Endpoint("GET", "/accounts", "ListAccounts"),
    Endpoint("POST", "/accounts", "CreateAccount", 201),
    Endpoint("GET", "/accounts/{id}", "GetAccount"),
    Endpoint("PUT", "/accounts/{id}", "UpdateAccount"),
    Endpoint("DELETE", "/accounts/{id}", "DeleteAccount"),
    Endpoint("GET", "/accounts/{id}/balance", "GetAccountBalance"),
    Endpoint("POST", "/accounts/{id}/reconcile", "ReconcileAccount"),
    Endpoint("GET", "/accounts/{id}/transactions", "ListAccountTransactions", words=SORTS),
    Endpoint("GET", "/transactions", "ListTransactions", words=SORTS),
    Endpoint("POST", "/transactions", "CreateTransaction", 201),
    Endpoint("POST", "/transactions/bulk", "CreateTransactions"),
    Endpoint("PUT", "/transactions/bulk", "UpdateTransactions"),
    Endpoint("DELETE", "/transactions/bulk", "DeleteTransactions"),
    Endpoint("GET", "/transactions/{id}", "GetTransaction"),
    Endpoint("PUT", "/transactions/{id}", "UpdateTransaction"),
    Endpoint("DELETE", "/transactions/{id}", "DeleteTransaction"),
    Endpoint("POST", "/transactions/{id}/restore", "RestoreTransaction"),
    Endpoint("POST", "/accounts/{id}/restore", "RestoreAccount"),
    Endpoint("GET", "/budgets", "ListBudgets"),
    Endpoint("POST", "/budgets", "CreateBudget", 201),
    Endpoint("GET", "/budgets/{id}", "GetBudget"),
    Endpoint("PUT", "/budgets/{id}", "UpdateBudget"),
    Endpoint("DELETE", "/budgets/{id}", "DeleteBudget"),
    Endpoint("GET", "/budgets/{id}/items", "ListBudgetItems"),
    Endpoint("POST", "/budgets/{id}/items", "CreateBudgetItem", 201),
    Endpoint("GET", "/budgets/{id}/items/{itemId}", "GetBudgetItem"),
    Endpoint("PUT", "/budgets/{id}/items/{itemId}", "UpdateBudgetItem"),
    Endpoint("DELETE", "/budgets/{id}/items/{itemId}", "DeleteBudgetItem"),
    Endpoint("GET", "/budgets/{id}/analysis", "GetBudgetAnalysis"),
    Endpoint("GET", "/budgets/{id}/analysis/explain", "ExplainBudgetAnalysis"),
    Endpoint("GET", "/analytics/net-worth", "GetNetWorth"),
    Endpoint("GET", "/analytics/net-worth/explain", "ExplainNetWorth"),
    Endpoint("GET", "/analytics/spending-trends", "GetSpendingTrends"),
    Endpoint("GET", "/analytics/spending-trends/explain", "ExplainSpendingTrends"),
    Endpoint("GET", "/analytics/category-breakdown", "GetCategoryBreakdown"),
    Endpoint("GET", "/analytics/category-breakdown/explain", "ExplainCategoryBreakdown"),
    Endpoint("GET", "/analytics/monthly-summary", "GetMonthlySummary"),
    Endpoint("GET", "/analytics/monthly-summary/explain", "ExplainMonthlySummary"),
    Endpoint("GET", "/analytics/budget-performance", "GetBudgetPerformance"),
    Endpoint("GET", "/groups", "ListGroups"),
    Endpoint("POST", "/groups", "CreateGroup", 201),
    Endpoint("GET", "/groups/{id}", "GetGroup"),
    Endpoint("PUT", "/groups/{id}", "UpdateGroup"),
    Endpoint("DELETE", "/groups/{id}", "DeleteGroup"),
    Endpoint("GET", "/groups/{id}/members", "ListGroupMembers"),
    Endpoint("POST", "/groups/{id}/members", "AddGroupMember", 201, invites="/invitations"),
    Endpoint("GET", "/groups/{id}/members/{userId}", "GetGroupMember"),
    Endpoint("PUT", "/groups/{id}/members/{userId}", "UpdateGroupMember"),
    Endpoint("DELETE", "/groups/{id}/members/{userId}", "RemoveGroupMember"),
    Endpoint("GET", "/groups/{id}/transactions", "ListGroupTransactions", words=SORTS),
    Endpoint("POST", "/groups/{id}/transactions", "CreateGroupTransaction", 201),
    Endpoint("GET", "/groups/{id}/transactions/{txId}", "GetGroupTransaction"),
    Endpoint("PUT", "/groups/{id}/transactions/{txId}", "UpdateGroupTransaction"),
    Endpoint("DELETE", "/groups/{id}/transactions/{txId}", "DeleteGroupTransaction"),
    Endpoint("POST", "/groups/{id}/transactions/{txId}/restore", "RestoreGroupTransaction"),
    Endpoint("GET", "/groups/{id}/balances", "GetGroupBalances"),
    Endpoint("GET", "/invitations", "ListInvitations", words=BOXES),
    Endpoint("POST", "/invitations", "CreateInvitation", 202, _INVITED),
    Endpoint("GET", "/invitations/{id}", "GetInvitation"),
    Endpoint("PUT", "/invitations/{id}/accept", "AcceptInvitation"),
    Endpoint("PUT", "/invitations/{id}/decline", "DeclineInvitation"),
    Endpoint("DELETE", "/invitations/{id}", "CancelInvitation"),
    Endpoint("GET", "/templates", "ListTemplates"),
    Endpoint("POST", "/templates", "CreateTemplate", 201),
    Endpoint("GET", "/templates/{id}", "GetTemplate"),
    Endpoint("PUT", "/templates/{id}", "UpdateTemplate"),
    Endpoint("DELETE", "/templates/{id}", "DeleteTemplate"),
    Endpoint("POST", "/templates/{id}/execute", "ExecuteTemplate", 201, place="/transactions"),
    Endpoint("GET", "/notifications", "ListNotifications"),
    Endpoint("PUT", "/notifications/{id}/read", "MarkNotificationRead"),
    Endpoint("DELETE", "/notifications/{id}", "DeleteNotification"),
    Endpoint("GET", "/analytics/export/{format}", "Export", words=EXPORTS, write="file"),
    Endpoint("POST", "/uploads", "CreateUpload", 201, read="multipart", expires=True),
    Endpoint("GET", "/uploads/{id}", "GetUpload", expires=True),
    Endpoint("DELETE", "/uploads/{id}", "DeleteUpload"),
    Endpoint("POST", "/imports/csv", "CreateImport", 202, _ACCEPTED, read="json_or_multipart"),
    Endpoint("GET", "/imports", "ListImports"),
    Endpoint("GET", "/imports/{id}", "GetImport"),
    Endpoint("POST", "/imports/{id}/process", "ProcessImport", 202, _ACCEPTED),
    Endpoint("GET", "/changes", "ListChanges", ages=True),
)
