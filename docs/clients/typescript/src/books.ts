// A copy of the books that works offline: what the server said, and above it what it has not seen yet.
import type { Client } from "./client.js";
import { Failure, Offline } from "./errors.js";
import type {
  AccountRowFragment,
  CategoryRowFragment,
  ChangeKind,
  CreateTransactionInput,
  TransactionRowFragment,
  UpdateTransactionInput,
} from "./generated/graphql.js";
import { Changes, CreateTransaction, UpdateTransaction } from "./operations.js";

type Typed<Name extends string, Row> = { __typename: Name } & Row;
export type Row =
  | Typed<"Account", AccountRowFragment>
  | Typed<"Category", CategoryRowFragment>
  | Typed<"Transaction", TransactionRowFragment>;
export type Transaction = TransactionRowFragment & { pending?: boolean };

const KINDS: ChangeKind[] = ["ACCOUNT", "CATEGORY", "TRANSACTION", "GROUP"];

/** A write that waits. Its key was made with it, so that sending it twice books it once. */
export type Waiting =
  | { key: string; op: "create"; input: CreateTransactionInput }
  | {
      key: string;
      op: "update";
      id: string;
      seen: TransactionRowFragment;
      input: UpdateTransactionInput;
    };

/** All of it is plain JSON: keep it in one IndexedDB transaction, rows and cursor together. */
export interface Copy {
  cursor: string;
  rows: Record<string, { row: Row; groupId: string | null }>;
  waiting: Waiting[];
}

export interface Refused {
  write: Waiting;
  failure: Failure;
}

export class Books {
  constructor(
    readonly client: Client,
    readonly copy: Copy = { cursor: "start", rows: {}, waiting: [] },
  ) {}

  /** The transactions as this person expects them: confirmed rows under her waiting writes. */
  transactions(): Transaction[] {
    const shown = new Map<string, Transaction>();
    for (const { row } of Object.values(this.copy.rows))
      if (row.__typename === "Transaction") shown.set(row.id, row);
    for (const write of this.copy.waiting) {
      if (write.op === "create") shown.set(write.key, this.#expected(write.key, write.input));
      else {
        const row = shown.get(write.id) ?? write.seen;
        shown.set(write.id, { ...row, ...given(write.input), pending: true });
      }
    }
    return [...shown.values()].sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0));
  }

  /** Shows at once, and is sent by the next `sync`. The key stands for the id until then. */
  create(input: CreateTransactionInput): string {
    const key = crypto.randomUUID();
    this.copy.waiting.push({ key, op: "create", input });
    return key;
  }

  update(id: string, input: UpdateTransactionInput): void {
    const known = this.copy.rows[id]?.row;
    if (known?.__typename !== "Transaction") throw new Error(`${id} is not in the copy`);
    this.copy.waiting.push({ key: crypto.randomUUID(), op: "update", id, seen: known, input });
  }

  /** Sends what waits, then fetches what happened. Offline leaves all as it is, for the next time. */
  async sync(): Promise<Refused[]> {
    const refused = await this.push();
    await this.pull();
    return refused;
  }

  /** In order. What the server refuses is taken off and handed back with the reason. */
  async push(): Promise<Refused[]> {
    const refused: Refused[] = [];
    for (let write = this.copy.waiting[0]; write !== undefined; write = this.copy.waiting[0]) {
      try {
        this.#confirm(write, await this.#send(write));
      } catch (error) {
        if (error instanceof Offline) return refused;
        if (!(error instanceof Failure)) throw error;
        if (["UNAUTHENTICATED", "UNAVAILABLE", "RATE_LIMITED"].includes(error.code)) throw error;
        refused.push({ write, failure: error });
      }
      this.copy.waiting.shift();
    }
    return refused;
  }

  /** Pages of the change feed until there is no more. Tombstones come along. */
  async pull(): Promise<void> {
    for (let more = true; more;) {
      try {
        const { changes: page } = await this.client.run(Changes, {
          after: this.copy.cursor,
          kinds: KINDS,
        });
        for (const change of page.changes) {
          if (change.op === "REMOVE") this.#forgetGroup(change.id);
          else if (change.op === "DELETE") delete this.copy.rows[change.id];
          else this.#take(change.node, change.groupId ?? null);
        }
        this.copy.cursor = page.cursor;
        more = page.hasMore;
      } catch (error) {
        if (!(error instanceof Failure && error.code === "GONE")) throw error;
        // The feed does not reach back so far: a new copy, and what waits is kept.
        this.copy.rows = {};
        this.copy.cursor = "start";
      }
    }
  }

  async #send(write: Waiting): Promise<TransactionRowFragment | undefined> {
    const idempotencyKey = write.key;
    if (write.op === "create") {
      const told = await this.client.run(CreateTransaction, { input: write.input, idempotencyKey });
      return told.createTransaction?.transaction;
    }
    const { id, input, seen } = write;
    const told = await this.client.run(UpdateTransaction, {
      id,
      input,
      expectedVersion: seen.version,
      idempotencyKey,
    });
    return told.updateTransaction?.transaction;
  }

  /** A row that has just been written; later writes of the queue were made on top of it. */
  #confirm(write: Waiting, row: TransactionRowFragment | undefined): void {
    if (row === undefined) return;
    this.#take({ ...row, __typename: "Transaction" }, null);
    for (const later of this.copy.waiting)
      if (later !== write && later.op === "update" && later.id === row.id) later.seen = row;
  }

  /** The feed tells a row as it is now, which may be newer than the change: the highest version wins. */
  #take(node: { __typename: string } | null | undefined, groupId: string | null): void {
    if (!isRow(node)) return;
    const known = this.copy.rows[node.id];
    if (known !== undefined && known.row.version > node.version) return;
    this.copy.rows[node.id] = { row: node, groupId: groupId ?? known?.groupId ?? null };
  }

  #forgetGroup(groupId: string): void {
    for (const [id, held] of Object.entries(this.copy.rows))
      if (held.groupId === groupId) delete this.copy.rows[id];
  }

  #expected(key: string, input: CreateTransactionInput): Transaction {
    const account = this.copy.rows[input.accountId]?.row;
    return {
      id: key,
      version: 0,
      date: input.date,
      amount: input.amount,
      currency: account?.__typename === "Account" ? account.currency : "",
      description: input.description,
      accountId: input.accountId,
      categoryId: input.categoryId ?? null,
      status: input.status ?? "POSTED",
      tags: input.tags ?? [],
      pending: true,
    };
  }
}

function isRow(node: { __typename: string } | null | undefined): node is Row {
  return node != null && ["Account", "Category", "Transaction"].includes(node.__typename);
}

/** What an update shows before it is confirmed; fields that are absent stay as they are. */
function given(input: UpdateTransactionInput): Partial<TransactionRowFragment> {
  const { date, amount, description, categoryId, tags, status } = input;
  return {
    ...(date != null && { date }),
    ...(amount != null && { amount }),
    ...(description != null && { description }),
    ...(categoryId !== undefined && { categoryId }),
    ...(tags != null && { tags }),
    ...(status != null && { status }),
  };
}
