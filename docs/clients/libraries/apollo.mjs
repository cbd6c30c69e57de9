// Apollo Client 4: pages that are merged, an optimistic update, errors by code, a subscription.
import {
  ApolloClient,
  CombinedGraphQLErrors,
  HttpLink,
  InMemoryCache,
  gql,
  split,
} from "@apollo/client/core";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import assert from "node:assert/strict";
import { createClient } from "graphql-ws";
import { filter, firstValueFrom } from "rxjs";
import { WebSocket } from "ws";
import { rest, somebody, url } from "./person.mjs";

const { token, Authorization, accountId } = await somebody();
const http = new HttpLink({ uri: `${url}/graphql`, headers: { Authorization } });
const live = new GraphQLWsLink(
  createClient({
    url: `${url.replace(/^http/, "ws")}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization },
  }),
);
const client = new ApolloClient({
  link: split(({ operationType }) => operationType === "subscription", live, http),
  cache: new InMemoryCache({
    typePolicies: { Query: { fields: { transactions: relayStylePagination(["filter", "sort"]) } } },
  }),
});

const PAGE = gql`
  query ($first: Int!, $after: String) {
    transactions(first: $first, after: $after) {
      edges {
        cursor
        node {
          id
          version
          description
          amount
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;
const watched = client.watchQuery({ query: PAGE, variables: { first: 2 } });
const rows = () => watched.getCurrentResult().data.transactions.edges.map(({ node }) => node);
const shown = (count) =>
  firstValueFrom(watched.pipe(filter(({ data }) => data?.transactions?.edges.length === count)));
const following = watched.subscribe(() => {});
const { data } = await shown(2);
await watched.fetchMore({ variables: { after: data.transactions.pageInfo.endCursor } });
await shown(4);
assert.deepEqual(
  rows().map(({ amount }) => amount),
  ["-5.00", "-4.00", "-3.00", "-2.00"],
);

const UPDATE = gql`
  mutation ($id: ID!, $input: UpdateTransactionInput!, $seen: Int, $key: String) {
    updateTransaction(id: $id, input: $input, expectedVersion: $seen, idempotencyKey: $key) {
      transaction {
        id
        version
        description
        amount
      }
    }
  }
`;
const change = (row, description) =>
  client.mutate({
    mutation: UPDATE,
    variables: { id: row.id, input: { description }, seen: row.version, key: crypto.randomUUID() },
    optimisticResponse: {
      updateTransaction: {
        __typename: "UpdateTransactionPayload",
        transaction: { __typename: "Transaction", ...row, description },
      },
    },
  });
const [newest] = rows();
const sent = change(newest, "Groceries");
assert.equal(rows()[0].description, "Groceries", "it shows before it is confirmed");
await sent;
assert.equal(rows()[0].version, newest.version + 1);

const refused = await change(newest, "Flowers").catch((error) => error);
assert(CombinedGraphQLErrors.is(refused));
const [{ extensions }] = refused.errors;
assert.equal(extensions.code, "STALE_OBJECT");
assert.equal(extensions.details.current.description, "Groceries");
assert.equal(rows()[0].description, "Groceries", "what was refused is undone");

const SINCE = gql`
  subscription ($after: String) {
    changes(after: $after, kinds: [TRANSACTION]) {
      op
      id
    }
  }
`;
const { changeCursor } = (
  await client.query({
    query: gql`
      {
        viewer {
          changeCursor
        }
      }
    `,
  })
).data.viewer;
const made = { accountId, date: "2026-02-01", amount: "-1.00", description: "Coffee" };
const { id } = await rest("POST", "/transactions", made, token);
const heard = await new Promise((resolve, reject) => {
  const feed = client.subscribe({ query: SINCE, variables: { after: changeCursor } }).subscribe({
    next: (event) => {
      feed.unsubscribe();
      resolve(event.data.changes);
    },
    error: reject,
  });
});
assert.deepEqual([heard.op, heard.id], ["CREATE", id]);
following.unsubscribe();
console.log("ok apollo");
process.exit(0);
