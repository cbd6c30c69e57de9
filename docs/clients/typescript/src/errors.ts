// What can go wrong, as one type. The codes are those of docs/errors.md.

export const CODES = [
  "BAD_REQUEST",
  "UNAUTHENTICATED",
  "TOKEN_EXPIRED",
  "INVALID_CREDENTIALS",
  "TWO_FACTOR_REQUIRED",
  "FORBIDDEN",
  "ADDRESS_BLOCKED",
  "NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "NOT_ACCEPTABLE",
  "CONFLICT",
  "GONE",
  "STALE_OBJECT",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "VALIDATION_ERROR",
  "READ_ONLY",
  "INVALID_CURSOR",
  "INVALID_TOKEN",
  "OVERFLOW",
  "IDEMPOTENCY_KEY_REUSED",
  "QUERY_TOO_COMPLEX",
  "RATE_LIMITED",
  "INTERNAL_ERROR",
  "DATA_INTEGRITY",
  "UNAVAILABLE",
] as const;

export type ErrorCode = (typeof CODES)[number];

/**
 * One field that is wrong, named by its path in the input: "amount", "splits.1.categoryId". What does not
 * even fit its type is named by the variable that it came in: "input.amount".
 */
export interface FieldError {
  path: string;
  code: string;
  message: string;
}

/** An answer that is an error. `details` is for programs, `message` for a person who reads English. */
export class Failure extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Readonly<Record<string, unknown>>,
    /** Seconds after which a repeat passes, where the server said so. */
    readonly retryAfter: number | null,
  ) {
    super(message);
  }

  /** Which fields are wrong; empty for other failures. */
  get fields(): readonly FieldError[] {
    return Array.isArray(this.details.fields) ? (this.details.fields as FieldError[]) : [];
  }
}

/** The server could not be reached, or the connection ended before the answer came. */
export class Offline extends Error {}

export function isCode(text: unknown): text is ErrorCode {
  return (CODES as readonly unknown[]).includes(text);
}
