// A walk through all of it against a running server: node dist/main.js [http://127.0.0.1:8000]
import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { Books } from "./books.js";
import { Client } from "./client.js";
import { Failure } from "./errors.js";
import { follow } from "./live.js";
import {
  CreateAccount,
  CreateTransaction,
  CreateTransactions,
  ListTransactions,
  Overview,
  ReceiptLink,
  UpdateTransaction,
} from "./operations.js";

const url = process.argv[2] ?? "http://127.0.0.1:8000";
const client = new Client(url);
const done = (what: string) => console.log(`ok ${what}`);

async function refusal(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => assert.fail("it was not refused"),
    (reason: unknown) => reason,
  );
  assert(error instanceof Failure, String(error));
  return error;
}

// Sign up, sign in, renew: two renewals at once are one.
const email = `ada-${crypto.randomUUID()}@example.org`;
const password = "correct horse battery staple";
await client.signUp(email, password, "Ada");
await client.signIn(email, password);
await Promise.all([client.renew(), client.renew()]);
const { viewer } = await client.run(Overview, {});
assert.deepEqual(viewer.accounts.nodes, []);
// An access token that is over is renewed, and the request is sent again.
const real = globalThis.fetch;
globalThis.fetch = async () => {
  globalThis.fetch = real;
  return Response.json({ errors: [{ message: "", extensions: { code: "TOKEN_EXPIRED" } }] });
};
const before = client.accessToken;
await client.run(Overview, {});
assert.notEqual(client.accessToken, before);
done("session");

// A write with a key does the same thing however often it is sent.
const opened = {
  input: { name: "Checking", type: "CHECKING", currency: "EUR", openingBalance: "250.00" },
  idempotencyKey: crypto.randomUUID(),
} as const;
const account = (await client.run(CreateAccount, opened)).createAccount?.account;
assert(account);
assert.equal((await client.run(CreateAccount, opened)).createAccount?.account.id, account.id);
const reused = { ...opened, input: { ...opened.input, name: "Another" } };
assert.equal((await refusal(client.run(CreateAccount, reused))).code, "IDEMPOTENCY_KEY_REUSED");
done("idempotent write");

// Errors are codes with the paths of fields.
const wrong = { accountId: account.id, date: "2026-02-30", amount: "1.005", description: "Coffee" };
const failure = await refusal(client.run(CreateTransaction, { input: wrong }));
assert.equal(failure.code, "VALIDATION_ERROR");
assert(
  failure.fields.some(({ path }) => path.endsWith("amount") || path.endsWith("date")),
  failure.message,
);
done("typed error");

// Many rows in one write, then pages: each row once.
const transactions = Array.from({ length: 120 }, (_, day) => ({
  accountId: account.id,
  date: new Date(Date.UTC(2026, 0, 1 + day)).toISOString().slice(0, 10),
  amount: `-${day + 1}.10`,
  description: `Purchase ${day + 1}`,
}));
const bulk = await client.run(CreateTransactions, {
  transactions,
  policy: "ATOMIC",
  idempotencyKey: crypto.randomUUID(),
});
assert.equal(bulk.createTransactions?.succeeded, 120);
const seen = new Set<string>();
const sizes: number[] = [];
const filter = { accountId: account.id };
for await (const page of client.pages(ListTransactions, { first: 50, filter }, (a) => a.transactions)) {
  sizes.push(page.length);
  for (const row of page) seen.add(row.id);
}
assert.deepEqual([sizes, seen.size], [[50, 50, 20], 120]);
done("pages");

// A copy of everything, and a second device with its own.
const here = new Books(client);
const there = new Books(client);
await here.sync();
await there.sync();
assert.equal(here.transactions().length, 120);
assert.deepEqual(here.transactions(), there.transactions());
done("copy");

// Offline: two writes show at once, wait, and are booked once.
const [newest, next] = here.transactions();
assert(newest && next);
here.create({ accountId: account.id, date: "2026-06-01", amount: "-3.20", description: "Espresso" });
here.update(newest.id, { description: "Groceries" });
assert.equal(here.transactions()[0]?.pending, true);
const saved = JSON.parse(JSON.stringify(here.copy)) as typeof here.copy;
const offline = new Books(new Client("http://127.0.0.1:9", 1), saved);
assert.deepEqual(await offline.push(), []);
assert.equal(saved.waiting.length, 2);
assert.deepEqual(await here.sync(), []);
assert.equal(here.transactions().length, 121);
assert.deepEqual(
  here.transactions().filter((row) => row.pending),
  [],
);
// The saved copy never heard that its writes arrived, and sends them again.
const again = new Books(client, saved);
assert.deepEqual(await again.sync(), []);
assert.deepEqual(again.transactions(), here.transactions());
done("offline writes, sent twice and booked once");

// Two devices change one row: the later one is told, with what is there now.
await there.sync();
here.update(next.id, { description: "Rent" });
there.update(next.id, { description: "Flowers" });
assert.deepEqual(await here.sync(), []);
const [conflict] = await there.sync();
assert.equal(conflict?.failure.code, "STALE_OBJECT");
assert.equal((conflict.failure.details.current as { description: string }).description, "Rent");
assert.deepEqual(there.transactions(), here.transactions());
done("conflict");

// Live: what happens after the cursor arrives, also what happened while nobody was connected.
const from = { cursor: here.copy.cursor, kinds: ["TRANSACTION" as const], webSocket: WebSocket };
for (const description of ["Rent, May", "Rent, June"]) {
  const row = here.transactions().find(({ id }) => id === next.id);
  assert(row);
  await client.run(UpdateTransaction, {
    id: row.id,
    input: { description },
    expectedVersion: row.version,
    idempotencyKey: crypto.randomUUID(),
  });
  for await (const event of follow(client, from)) {
    assert.deepEqual([event.op, event.id], ["UPDATE", next.id]);
    from.cursor = event.cursor;
    break;
  }
  await here.sync();
  assert(here.transactions().some((one) => one.description === description));
}
const lost = follow(client, { cursor: "of another list", webSocket: WebSocket });
assert.equal((await refusal(lost.next())).code, "INVALID_CURSOR");
done("live");

// A receipt goes up by REST; its link needs no token and ends by itself.
const key = crypto.randomUUID();
const receipt = new Blob(["%PDF-1.4\n%%EOF\n"], { type: "application/pdf" });
await client.upload(receipt, "receipt.pdf", next.id, key);
const { transaction } = await client.run(ReceiptLink, { id: next.id });
const [file] = transaction?.receipts ?? [];
assert(file);
assert.equal(await (await fetch(file.downloadUrl)).text(), await receipt.text());
done("file");

await client.signOut();
assert.equal((await refusal(client.run(Overview, {}))).code, "UNAUTHENTICATED");
done("signed out");
