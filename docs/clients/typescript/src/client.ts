// Asking and writing over HTTP: one session, one renewal at a time, repeats that do no harm.
import { Failure, isCode, Offline, type ErrorCode } from "./errors.js";
import type { TypedDocumentString } from "./generated/graphql.js";
import { Renew, SignIn, SignOut, SignUp } from "./operations.js";

export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

interface GraphQLError {
  message: string;
  extensions?: { code?: string; details?: Record<string, unknown> };
}

type Document<Answer, Variables> = TypedDocumentString<Answer, Variables>;

const wait = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));

/** Failures that are over by themselves: the same request may be sent again. */
const PASSING: readonly ErrorCode[] = ["UNAVAILABLE", "RATE_LIMITED"];
/** Failures of a renewal after which only signing in helps. */
const OVER: readonly ErrorCode[] = ["INVALID_CREDENTIALS", "UNAUTHENTICATED", "TOKEN_EXPIRED"];
const LONGEST_WAIT = 60;

export class Client {
  #tokens: Tokens | null = null;
  #renewing: Promise<void> | null = null;

  constructor(
    readonly url: string,
    readonly tries = 4,
  ) {}

  get accessToken(): string | null {
    return this.#tokens?.accessToken ?? null;
  }

  async signUp(email: string, password: string, name: string): Promise<void> {
    const told = await this.#once(SignUp, { input: { email, password, name } }, null);
    // Null where addresses are proved first: then a mail has to be answered.
    this.#tokens = told.register?.session ?? null;
  }

  /** Throws TWO_FACTOR_REQUIRED until `code` comes along, for who has a second factor. */
  async signIn(email: string, password: string, code?: string): Promise<void> {
    const input = code === undefined ? { email, password } : { email, password, code };
    this.#tokens = (await this.#once(SignIn, { input }, null)).login?.session ?? null;
  }

  async signOut(): Promise<void> {
    await this.#once(SignOut, {});
    this.#tokens = null;
  }

  /**
   * Trades the refresh token for the next pair. A refresh token is good once, and one that is used
   * twice ends the session: whoever needs a renewal waits for the one that is under way. Several
   * tabs share one by navigator.locks, or use cookie mode.
   */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renew(): Promise<void> {
    if (this.#tokens === null) throw new Failure("UNAUTHENTICATED", "Sign in.", {}, null);
    const { refreshToken } = this.#tokens;
    try {
      const told = await this.#once(Renew, { input: { refreshToken } }, null);
      this.#tokens = told.refresh?.session ?? null;
    } catch (error) {
      if (error instanceof Failure && OVER.includes(error.code)) this.#tokens = null;
      throw error;
    }
  }

  /**
   * Runs a query, or a mutation whose variables hold an idempotencyKey. Both may be sent twice, so
   * both are: after a cut connection, after UNAVAILABLE, and after RATE_LIMITED when its time is over.
   */
  async run<Answer, Variables>(
    document: Document<Answer, Variables>,
    variables: NoInfer<Variables>,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const token = this.accessToken;
      try {
        return await this.#once(document, variables, token);
      } catch (error) {
        if (!(error instanceof Failure || error instanceof Offline) || attempt >= this.tries)
          throw error;
        if (error instanceof Failure && error.code === "TOKEN_EXPIRED") {
          if (token === this.accessToken) await this.renew();
          continue;
        }
        if (error instanceof Failure && !PASSING.includes(error.code)) throw error;
        const pause = (error instanceof Failure ? error.retryAfter : null) ?? 0.3 * 2 ** attempt;
        if (pause > LONGEST_WAIT) throw error;
        await wait(pause);
      }
    }
  }

  /** All rows of a connection, a page at a time. Cursors stay right while rows come and go. */
  async *pages<Answer, Variables extends { after?: string | null | undefined }, Row>(
    document: Document<Answer, Variables>,
    variables: NoInfer<Variables>,
    pick: (answer: Answer) => {
      nodes: readonly Row[];
      pageInfo: { hasNextPage: boolean; endCursor?: string | null | undefined };
    },
  ): AsyncGenerator<readonly Row[]> {
    for (let after = variables.after ?? null; ;) {
      const page = pick(await this.run(document, { ...variables, after }));
      yield page.nodes;
      if (!page.pageInfo.hasNextPage || page.pageInfo.endCursor == null) return;
      after = page.pageInfo.endCursor;
    }
  }

  /** Sends a file by the REST path: in the graph it would have to be base64 text. */
  async upload(file: Blob, name: string, transactionId: string, key: string): Promise<string> {
    const form = new FormData();
    form.set("purpose", "RECEIPT");
    form.set("transactionId", transactionId);
    form.set("file", file, name);
    const answer = await this.#send(
      "/v1/uploads",
      {
        method: "POST",
        headers: { "Idempotency-Key": key },
        body: form,
      },
      this.accessToken,
    );
    const told = await this.#json(answer);
    if (told.success === true) return (told.data as { id: string }).id;
    const error = told.error as { code: string; message: string; details: Record<string, unknown> };
    throw this.#failure(answer, error.message, error.code, error.details);
  }

  /** One request. Those that open a session carry no token: an expired one would refuse them. */
  async #once<Answer, Variables>(
    document: Document<Answer, Variables>,
    variables: NoInfer<Variables>,
    token = this.accessToken,
  ): Promise<Answer> {
    const answer = await this.#send(
      "/graphql",
      {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          Accept: "application/graphql-response+json, application/json;q=0.9",
        },
        body: JSON.stringify({ query: document.toString(), variables }),
      },
      token,
    );
    const told = await this.#json(answer);
    const [error] = (told.errors ?? []) as GraphQLError[];
    if (error !== undefined) {
      const { code, details } = error.extensions ?? {};
      throw this.#failure(answer, error.message, code, details);
    }
    return told.data as Answer;
  }

  async #send(path: string, request: RequestInit, token: string | null): Promise<Response> {
    const headers = new Headers(request.headers);
    if (token !== null) headers.set("Authorization", `Bearer ${token}`);
    try {
      return await fetch(this.url + path, { ...request, headers });
    } catch (error) {
      throw new Offline("The server could not be reached.", { cause: error });
    }
  }

  async #json(answer: Response): Promise<Record<string, unknown>> {
    try {
      return (await answer.json()) as Record<string, unknown>;
    } catch (error) {
      throw new Offline(`Status ${answer.status} without an answer.`, { cause: error });
    }
  }

  #failure(
    answer: Response,
    message: string,
    code: string | undefined,
    details: Record<string, unknown> | undefined,
  ): Failure {
    const after = answer.headers.get("Retry-After");
    const known = isCode(code) ? code : "INTERNAL_ERROR";
    return new Failure(known, message, details ?? {}, after === null ? null : Number(after));
  }
}
