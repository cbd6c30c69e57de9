/*
 * What the links in mails open: an address to confirm, a password to choose, an invitation to
 * answer. The token stands behind the #, which no server sees, and nothing happens before a click.
 */
(() => {
  "use strict";

  const KINDS = {
    "verify-email": {
      title: "Is this your address?",
      words: "Confirm that you signed up with the address that this mail went to.",
      button: "Yes, it is mine",
    },
    "reset-password": {
      title: "Choose a new password",
      words: "At least 12 characters, not easily guessed. Every session ends, on all devices.",
      button: "Set the password",
    },
    "invitation": {
      title: "An invitation",
      words: "Sign in with the account that shall join the group.",
      button: "Accept",
    },
  };

  const byId = (id) => document.getElementById(id);
  let kind = null;
  let link = null;

  /** The data of an answer; what was refused is thrown with its code. */
  async function ask(method, path, body, token) {
    const response = await fetch(`/v1${path}`, {
      method,
      credentials: "omit",
      headers: {
        "Content-Type": "application/json",
        ...(token ? { "Authorization": `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(body),
    }).catch(() => { throw new Error("The server could not be reached."); });
    const answer = await response.json().catch(() => ({}));
    if (!answer.success) {
      const message = answer.error?.message ?? `The server answered ${response.status}.`;
      throw Object.assign(new Error(message), { code: answer.error?.code });
    }
    return answer.data;
  }

  function say(text, isProblem = false) {
    byId("mailed-status").textContent = text;
    byId("mailed-status").classList.toggle("problem", isProblem);
  }

  /** Show the fields of some kinds and ask for them; those of others are neither seen nor sent. */
  function show(...wanted) {
    for (const one of document.querySelectorAll("#mailed [data-of]")) {
      one.hidden = !one.dataset.of.split(" ").some((of) => wanted.includes(of));
      const input = one.querySelector("input");
      if (input && input.type !== "checkbox") {
        input.required = !one.hidden;
      }
    }
  }

  /** A session of whoever answers; null while a mail waits to be answered first. */
  async function signIn(fields) {
    const { email, password, name, code, unknown } = fields;
    const who = { email: email.value.trim(), password: password.value };
    if (unknown.checked) {
      const made = await ask("POST", "/auth/register", { ...who, name: name.value.trim() });
      return made.accessToken ? made : null;
    }
    return ask("POST", "/auth/login", code.value ? { ...who, code: code.value.trim() } : who);
  }

  async function answerInvitation(fields, word) {
    const session = await signIn(fields);
    if (!session) {
      return "A mail is on its way: confirm your address, then open this link once more.";
    }
    const path = `/invitations/${encodeURIComponent(link.get("id") ?? "")}/${word}`;
    try {
      await ask("PUT", path, { token: link.get(kind) }, session.accessToken);
    } finally {
      await ask("POST", "/auth/logout", { refreshToken: session.refreshToken }).catch(() => {});
    }
    return word === "accept" ? "You are a member now." : "The invitation is declined.";
  }

  async function act(fields, word) {
    const token = link.get(kind);
    if (kind === "verify-email") {
      await ask("POST", "/auth/verify-email", { token });
      return "Thank you: the address is confirmed.";
    }
    if (kind === "reset-password") {
      await ask("POST", "/auth/reset-password", { token, password: fields.fresh.value });
      return "The password is new. Sign in with it.";
    }
    return answerInvitation(fields, word);
  }

  async function submit(word) {
    const form = byId("mailed-form");
    const buttons = [...form.querySelectorAll("button")];
    buttons.forEach((button) => { button.disabled = true; });
    say("One moment…");
    try {
      say(await act(form.elements, word));
      form.hidden = true;
      form.reset();
    } catch (error) {
      if (error.code === "TWO_FACTOR_REQUIRED") {
        show("invitation", "code");
        form.elements.code.focus();
      }
      say(error.message, true);
    } finally {
      buttons.forEach((button) => { button.disabled = false; });
    }
  }

  function open() {
    const found = new URLSearchParams(location.hash.slice(1));
    const named = Object.keys(KINDS).find((one) => found.get(one));
    if (!named) {
      return;
    }
    [kind, link] = [named, found];
    // The token is no part of what is shown, bookmarked or shared from here on.
    history.replaceState(null, "", location.pathname + location.search);
    byId("mailed-title").textContent = KINDS[kind].title;
    byId("mailed-words").textContent = KINDS[kind].words;
    byId("mailed-yes").textContent = KINDS[kind].button;
    byId("mailed-form").hidden = false;
    byId("mailed").hidden = false;
    say("");
    show(kind);
    byId("mailed-title").focus();
  }

  const form = byId("mailed-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit("accept");
  });
  byId("mailed-no").addEventListener("click", () => {
    if (form.reportValidity()) {
      submit("decline");
    }
  });
  form.elements.unknown.addEventListener("change", () => {
    show("invitation", ...(form.elements.unknown.checked ? ["new"] : []));
  });
  window.addEventListener("hashchange", open);
  open();
})();
