// urql 6: queries by GET, as is its habit, and mutations by POST; graphql-sse for what is live.
import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";
import { createClient } from "graphql-sse";
import assert from "node:assert/strict";
import { somebody, url } from "./person.mjs";

const { Authorization, accountId } = await somebody();
const client = new Client({
  url: `${url}/graphql`,
  exchanges: [cacheExchange, fetchExchange],
  fetchOptions: { headers: { Authorization } },
});

const PAGE = gql`
  query ($first: Int!) {
    transactions(first: $first) {
      nodes {
        id
        amount
      }
      pageInfo {
        hasNextPage
      }
    }
  }
`;
const page = await client.query(PAGE, { first: 2 }).toPromise();
assert.equal(page.error, undefined);
assert.deepEqual(
  page.data.transactions.nodes.map(({ amount }) => amount),
  ["-5.00", "-4.00"],
);

const CREATE = gql`
  mutation ($input: CreateTransactionInput!) {
    createTransaction(input: $input) {
      transaction {
        id
      }
    }
  }
`;
const input = { accountId, date: "2026-02-01", amount: "1.005", description: "Coffee" };
const refused = await client.mutation(CREATE, { input }).toPromise();
assert.equal(refused.error.graphQLErrors[0].extensions.code, "VALIDATION_ERROR");
const made = await client.mutation(CREATE, { input: { ...input, amount: "-1.00" } }).toPromise();
assert.equal(made.error, undefined);

const events = createClient({ url: `${url}/graphql`, headers: { Authorization } });
const SINCE = 'subscription { changes(after: "start", kinds: [TRANSACTION]) { op id } }';
const told = new Set();
for await (const { data } of events.iterate({ query: SINCE })) {
  told.add(data.changes.id);
  if (told.size === 6) break;
}
assert(told.has(made.data.createTransaction.transaction.id));
console.log("ok urql");
process.exit(0);
