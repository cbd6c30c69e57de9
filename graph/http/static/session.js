/*
 * Who is signed in on this page. Tokens live in this closure only: nothing is written to any
 * storage, so they end with the page.
 */
(() => {
  "use strict";

  const LOGIN = `mutation ($input: LoginInput!) {
  login(input: $input) { session { accessToken refreshToken expiresIn user { name email } } }
}`;
  const REFRESH = `mutation ($input: RefreshInput!) {
  refresh(input: $input) { session { accessToken refreshToken expiresIn } }
}`;
  const RENEW_BEFORE_MS = 60_000;
  const RETRY_MS = 10_000;

  /** A refusal by the server, as opposed to a server that could not be reached. */
  class Refused extends Error {
    constructor(error) {
      super(error.message ?? "The server refused.");
      this.code = error.extensions?.code ?? error.code;
      this.details = error.extensions?.details ?? error.details ?? {};
    }
  }

  async function mutate(query, input) {
    const response = await fetch("/graphql", {
      method: "POST",
      credentials: "omit",
      headers: {
        "Accept": "application/graphql-response+json, application/json",
        "Content-Type": "application/json",
      },
      body: JSON.stringify({ query, variables: { input } }),
    }).catch(() => { throw new Error("The server could not be reached."); });
    const answer = await response.json().catch(() => ({}));
    // A refusal before the graph was asked, as by a limit, may come in the other envelope.
    const problem = answer.errors?.[0] ?? answer.error;
    if (problem && response.status < 500) {
      throw new Refused(problem);
    }
    if (!answer.data) {
      throw new Error(`The server answered ${response.status}. Please try again.`);
    }
    return answer.data;
  }

  /**
   * A session that renews itself. `onChange(user, reason)` is called after each sign-in and
   * sign-out; `reason` says why a session ended that nobody ended here.
   */
  function createSession(onChange) {
    let current = null;
    let renewing = null;
    let timer = null;

    function keep(session, user) {
      const lifetime = session.expiresIn * 1000;
      // Short lifetimes are renewed after two thirds, so that renewing never runs in a circle.
      const lead = Math.min(RENEW_BEFORE_MS, lifetime / 3);
      const now = Date.now();
      current = { ...session, user, renewAt: now + lifetime - lead, expiresAt: now + lifetime };
      clearTimeout(timer);
      timer = setTimeout(renewQuietly, lifetime - lead);
    }

    function end(reason) {
      clearTimeout(timer);
      current = null;
      onChange(null, reason);
    }

    async function renew(started) {
      try {
        const data = await mutate(REFRESH, { refreshToken: started.refreshToken });
        if (current === started) {
          keep(data.refresh.session, started.user);
        }
      } catch (error) {
        if (current !== started) {
          return;
        }
        const limited = error.code === "RATE_LIMITED";
        if ((error instanceof Refused && !limited) || Date.now() >= started.expiresAt) {
          end("Your session has ended. Please sign in again.");
        } else {
          timer = setTimeout(renewQuietly, RETRY_MS);
        }
      }
    }

    function renewQuietly() {
      if (current && !renewing) {
        renewing = renew(current).finally(() => { renewing = null; });
      }
      return renewing;
    }

    return {
      /** The access token, renewed first if it is about to expire; null when nobody is signed in. */
      async token() {
        // A sleeping tab fires its timers late, hence this second look at the clock.
        if (current && Date.now() >= current.renewAt) {
          await renewQuietly();
        }
        return current?.accessToken ?? null;
      },

      async signIn(email, password, code) {
        const data = await mutate(LOGIN, { email, password, ...(code ? { code } : {}) });
        const { user, ...session } = data.login.session;
        keep(session, user);
        onChange(user);
      },

      /** Take over a session that was begun in another way. */
      adopt({ user, ...session }) {
        keep(session, user);
        onChange(user);
      },

      async signOut() {
        const { accessToken, refreshToken } = current;
        end();
        await fetch("/v1/auth/logout", {
          method: "POST",
          credentials: "omit",
          headers: { "Authorization": `Bearer ${accessToken}`, "Content-Type": "application/json" },
          body: JSON.stringify({ refreshToken }),
        });
      },
    };
  }

  window.PocketTrend = { ...window.PocketTrend, createSession, mutate };
})();
