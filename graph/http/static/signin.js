/* The sign-in bar on top of the page. */
(() => {
  "use strict";

  const DEMO_EMAIL = "demo@pockettrend.example";

  const byId = (id) => document.getElementById(id);

  /** Bring the bar to life; `onChange(user)` is called after each sign-in and sign-out. */
  function mountSignIn(onChange) {
    const form = byId("sign-in-form");
    const { email, password, code } = form.elements;
    const demoPassword = document.body.dataset.demoPassword;
    const buttons = [...form.querySelectorAll("button")];

    const say = (text, isProblem = false) => {
      byId("session-status").textContent = text;
      byId("session-status").classList.toggle("problem", isProblem);
    };

    const session = window.PocketTrend.createSession((user, reason) => {
      const hadFocus = form.contains(document.activeElement)
        || byId("signed-in").contains(document.activeElement);
      form.hidden = Boolean(user);
      byId("signed-in").hidden = !user;
      byId("who").textContent = user ? `${user.name} (${user.email})` : "";
      form.reset();
      byId("code-field").hidden = true;
      say(reason ?? (user ? "" : "Signed out."), Boolean(reason));
      if (hadFocus) {
        // The control that had the focus is gone; leave it on its successor, not on the body.
        (user ? byId("sign-out-button") : email).focus();
      }
      onChange(user);
    });

    async function signIn() {
      buttons.forEach((button) => { button.disabled = true; });
      say("Signing in…");
      try {
        await session.signIn(email.value.trim(), password.value, code.value.trim());
      } catch (error) {
        if (error.code === "TWO_FACTOR_REQUIRED") {
          byId("code-field").hidden = false;
          code.focus();
        }
        say(error.message, true);
      } finally {
        buttons.forEach((button) => { button.disabled = false; });
      }
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      signIn();
    });
    byId("sign-out-button").addEventListener("click", () => {
      session.signOut().catch(() => {
        say("Signed out here; the server could not be reached, so the session ends by itself.", true);
      });
    });
    if (demoPassword) {
      byId("demo-button").hidden = false;
      byId("demo-button").addEventListener("click", () => {
        email.value = DEMO_EMAIL;
        password.value = demoPassword;
        signIn();
      });
    }
    return session;
  }

  window.PocketTrend = { ...window.PocketTrend, mountSignIn };
})();
