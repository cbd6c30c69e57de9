// Everything this client asks. `npm run generate` types the variables and the answer of each.
import { graphql } from "./generated/index.js";

export const SignUp = graphql(`
  mutation SignUp($input: RegisterInput!) {
    register(input: $input) {
      session {
        accessToken
        refreshToken
        expiresIn
      }
    }
  }
`);

export const SignIn = graphql(`
  mutation SignIn($input: LoginInput!) {
    login(input: $input) {
      session {
        accessToken
        refreshToken
        expiresIn
      }
    }
  }
`);

export const Renew = graphql(`
  mutation Renew($input: RefreshInput!) {
    refresh(input: $input) {
      session {
        accessToken
        refreshToken
        expiresIn
      }
    }
  }
`);

export const SignOut = graphql(`
  mutation SignOut($input: LogoutInput) {
    logout(input: $input) {
      loggedOut
    }
  }
`);

export const Overview = graphql(`
  query Overview {
    viewer {
      name
      baseCurrency
      changeCursor
      accounts(first: 20) {
        nodes {
          id
          name
          currency
          balance
        }
      }
    }
  }
`);

export const AccountRow = graphql(`
  fragment AccountRow on Account {
    id
    version
    name
    type
    currency
    archived
  }
`);

export const CategoryRow = graphql(`
  fragment CategoryRow on Category {
    id
    version
    name
    kind
    archived
  }
`);

export const TransactionRow = graphql(`
  fragment TransactionRow on Transaction {
    id
    version
    date
    amount
    currency
    description
    accountId
    categoryId
    status
    tags
  }
`);

export const ListTransactions = graphql(`
  query ListTransactions($first: Int, $after: String, $filter: TransactionFilterInput) {
    transactions(first: $first, after: $after, filter: $filter) {
      nodes {
        ...TransactionRow
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const CreateAccount = graphql(`
  mutation CreateAccount($input: CreateAccountInput!, $idempotencyKey: String) {
    createAccount(input: $input, idempotencyKey: $idempotencyKey) {
      account {
        ...AccountRow
      }
    }
  }
`);

export const CreateTransaction = graphql(`
  mutation CreateTransaction($input: CreateTransactionInput!, $idempotencyKey: String) {
    createTransaction(input: $input, idempotencyKey: $idempotencyKey) {
      transaction {
        ...TransactionRow
      }
    }
  }
`);

export const CreateTransactions = graphql(`
  mutation CreateTransactions($transactions: [RawRow]!, $policy: BulkPolicy!, $idempotencyKey: String) {
    createTransactions(transactions: $transactions, policy: $policy, idempotencyKey: $idempotencyKey) {
      succeeded
      failed
      results {
        index
        id
        status
        error {
          code
          message
        }
      }
    }
  }
`);

export const UpdateTransaction = graphql(`
  mutation UpdateTransaction(
    $id: ID!
    $input: UpdateTransactionInput!
    $expectedVersion: Int
    $idempotencyKey: String
  ) {
    updateTransaction(
      id: $id
      input: $input
      expectedVersion: $expectedVersion
      idempotencyKey: $idempotencyKey
    ) {
      transaction {
        ...TransactionRow
      }
    }
  }
`);

export const Changes = graphql(`
  query Changes($after: String!, $kinds: [ChangeKind!]) {
    changes(after: $after, kinds: $kinds, first: 100) {
      cursor
      hasMore
      changes {
        op
        kind
        id
        version
        groupId
        node {
          __typename
          ... on Account {
            ...AccountRow
          }
          ... on Category {
            ...CategoryRow
          }
          ... on Transaction {
            ...TransactionRow
          }
        }
      }
    }
  }
`);

export const Follow = graphql(`
  subscription Follow($after: String, $kinds: [ChangeKind!]) {
    changes(after: $after, kinds: $kinds) {
      op
      kind
      id
      version
      cursor
    }
  }
`);

export const ReceiptLink = graphql(`
  query ReceiptLink($id: ID!) {
    transaction(id: $id) {
      receipts {
        filename
        size
        downloadUrl
      }
    }
  }
`);
