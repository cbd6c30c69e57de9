/*
 * Signing in with an account elsewhere: the button, and what happens when somebody comes back. The
 * verifier waits in the storage of this tab, since the page is left meanwhile; tokens never do.
 */
(() => {
  "use strict";

  const BEGIN = `mutation ($input: BeginSignInInput!) {
  beginSignIn(input: $input) { authorizationUrl verifier }
}`;
  const FINISH = `mutation ($input: FinishSignInInput!) {
  finishSignIn(input: $input) { session { accessToken refreshToken expiresIn user { name email } } }
}`;
  const KEPT = "pockettrend.verifier";

  const byId = (id) => document.getElementById(id);
  const place = byId("elsewhere");
  if (!place.dataset.provider) {
    return;
  }
  const { createSession, mutate } = window.PocketTrend;
  const here = `${location.origin}/`;
  const form = byId("elsewhere-form");
  let waiting = null;

  function say(text, isProblem = false) {
    byId("elsewhere-status").textContent = text;
    byId("elsewhere-status").classList.toggle("problem", isProblem);
  }

  const session = createSession((user, reason) => {
    byId("elsewhere-in").hidden = !user;
    byId("elsewhere-out").hidden = Boolean(user);
    byId("elsewhere-who").textContent = user ? `${user.name} (${user.email})` : "";
    form.hidden = true;
    form.reset();
    say(reason ?? (user ? "" : "Signed out."), Boolean(reason));
  });

  async function finish(input) {
    say("Signing in…");
    try {
      const data = await mutate(FINISH, input);
      waiting = null;
      session.adopt(data.finishSignIn.session);
    } catch (error) {
      const { continuation } = error.details ?? {};
      if (error.code === "TWO_FACTOR_REQUIRED" && continuation) {
        waiting = { verifier: input.verifier, continuation };
        byId("elsewhere-out").hidden = true;
        form.hidden = false;
        form.elements.code.focus();
      }
      say(error.message, true);
    }
  }

  byId("elsewhere-begin").addEventListener("click", async () => {
    byId("elsewhere-begin").disabled = true;
    say("One moment…");
    try {
      const { beginSignIn } = await mutate(BEGIN, { redirectUri: here });
      sessionStorage.setItem(KEPT, beginSignIn.verifier);
      location.assign(beginSignIn.authorizationUrl);
    } catch (error) {
      say(error.message, true);
    } finally {
      byId("elsewhere-begin").disabled = false;
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    finish({ ...waiting, twoFactorCode: form.elements.code.value.trim() });
  });
  byId("elsewhere-copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(await session.token());
      say("Copied. It is good for some minutes: TOKEN=… in the examples below.");
    } catch {
      say("This browser does not let the page copy.", true);
    }
  });
  byId("elsewhere-end").addEventListener("click", () => {
    session.signOut().catch(() => {
      say("Signed out here; the server could not be reached, so the session ends by itself.", true);
    });
  });

  place.hidden = false;
  const back = new URLSearchParams(location.search);
  const verifier = sessionStorage.getItem(KEPT);
  if (back.has("state") && (back.has("code") || back.has("error"))) {
    // The code is no part of what is shown, bookmarked or shared from here on.
    history.replaceState(null, "", location.pathname);
    sessionStorage.removeItem(KEPT);
    if (back.has("code") && verifier) {
      finish({ verifier, code: back.get("code"), state: back.get("state") });
    } else {
      say("The sign-in elsewhere was not completed. Please begin again.", true);
    }
  }
})();
