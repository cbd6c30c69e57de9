/* The tabs GraphiQL opens with. Edit the texts here; the page takes them as they are. */
(() => {
  "use strict";

  const ME = `# Who am I, what do I have, what came last?
# Sign in above, then press Ctrl+Enter here.
query Me {
  viewer {
    id
    email
    name
    baseCurrency
    accounts(first: 10) {
      nodes {
        id
        name
        type
        currency
        balance
        transactions(first: 5) {
          nodes {
            id
            date
            amount
            currency
            description
            category {
              name
            }
          }
        }
      }
    }
  }
}
`;

  const TRANSACTIONS = `# Find transactions, page by page. For the
# next page copy endCursor to variable "after".
query FindTransactions($after: String) {
  transactions(
    filter: { from: "2026-01-01", search: "coffee" }
    sort: DATE_DESC
    first: 20
    after: $after
  ) {
    edges {
      cursor
      node {
        id
        date
        amount
        currency
        description
        account {
          name
        }
        category {
          name
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
`;

  const CREATE = `# Book an expense: what goes out is negative.
# Copy an account's id from the first tab to
# the variable "account" below.
mutation CreateTransaction($account: ID!) {
  createTransaction(
    input: {
      accountId: $account
      date: "2026-01-15"
      amount: "-4.50"
      description: "Coffee"
    }
  ) {
    transaction {
      id
      amount
      version
      account {
        balance
      }
    }
  }
}
`;

  const TRANSFER = `# Move money between two of your accounts:
# both sides are written, or none. Between
# currencies transferAmount says what arrives.
mutation Transfer($from: ID!, $to: ID!) {
  createTransaction(
    input: {
      accountId: $from
      transferAccountId: $to
      date: "2026-01-20"
      amount: "-100.00"
      description: "To savings"
    }
  ) {
    transaction {
      id
      amount
      transferId
      account {
        name
        balance
      }
    }
  }
}
`;

  const IMPORTS = `# How did the last imports of bank files go?
query Imports {
  imports(first: 5) {
    nodes {
      id
      status
      counts {
        rows
        new
        duplicate
        failed
      }
    }
  }
}
`;

  const LIVE = `# What happens from now on. Press Ctrl+Enter, then
# book something in another tab and come back.
subscription Live {
  changes {
    type
    id
    version
    at
    data
    cursor
  }
}
`;

  const variables = (values) => JSON.stringify(values, null, 2);

  window.PocketTrend = {
    ...window.PocketTrend,
    examples: [
      { query: ME },
      { query: TRANSACTIONS, variables: variables({ after: null }) },
      { query: CREATE, variables: variables({ account: "acct_…" }) },
      { query: TRANSFER, variables: variables({ from: "acct_…", to: "acct_…" }) },
      { query: IMPORTS },
      { query: LIVE },
    ],
  };
})();
