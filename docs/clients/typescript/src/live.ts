// Live updates over graphql-transport-ws that go on behind the last cursor, whatever cuts them.
import type { GraphQLFormattedError } from "graphql";
import { createClient } from "graphql-ws";
import type { Client } from "./client.js";
import { Failure, isCode, Offline } from "./errors.js";
import type { ChangeKind, FollowSubscription } from "./generated/graphql.js";
import { Follow } from "./operations.js";

export type Event = FollowSubscription["changes"];

export interface Following {
  /** Behind which entry; "start" for everything. The last event's cursor afterwards. */
  cursor: string;
  kinds?: ChangeKind[];
  /** Needed where there is no global WebSocket, such as `ws` under Node 20. */
  webSocket?: unknown;
}

/**
 * Yields what happens, without gap or repeat. The server closes a socket with 4403 when its access
 * token is over and with 1012 when it restarts; both only mean: connect again and go on.
 */
export async function* follow(client: Client, from: Following): AsyncGenerator<Event> {
  for (let failed = 0; ;) {
    const socket = createClient({
      url: `${client.url.replace(/^http/, "ws")}/graphql`,
      webSocketImpl: from.webSocket,
      retryAttempts: 0,
      connectionParams: () => ({ Authorization: `Bearer ${client.accessToken ?? ""}` }),
    });
    try {
      const variables = { after: from.cursor, kinds: from.kinds ?? null };
      const events = socket.iterate<FollowSubscription>({ query: Follow.toString(), variables });
      for await (const { data, errors } of events) {
        if (errors !== undefined) throw errors;
        if (data == null) continue;
        failed = 0;
        // The cursor moves on only after whoever consumes this has taken the event.
        yield data.changes;
        from.cursor = data.changes.cursor;
      }
    } catch (error) {
      // GONE: the cursor is too old, or from another life of the server. Begin with a new copy.
      const failure = failureOf(error);
      if (failure !== null && failure.code !== "UNAVAILABLE") throw failure;
      if ((error as { code?: number }).code === 4403) await renewed(client);
    } finally {
      await socket.dispose();
    }
    failed += 1;
    await new Promise((done) => setTimeout(done, Math.min(30_000, 250 * 2 ** failed)));
  }
}

/** The reason of an answer that holds errors; null for a connection that was closed. */
function failureOf(error: unknown): Failure | null {
  const [first] = Array.isArray(error) ? (error as readonly GraphQLFormattedError[]) : [];
  const code = first?.extensions?.code;
  return first !== undefined && isCode(code) ? new Failure(code, first.message, {}, null) : null;
}

async function renewed(client: Client): Promise<void> {
  try {
    await client.renew();
  } catch (error) {
    if (!(error instanceof Offline)) throw error;
  }
}
