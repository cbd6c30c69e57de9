/* GraphiQL over /graphql, signed in by the bar above it. */
(() => {
  "use strict";

  const { React, ReactDOM, GraphiQL, graphqlWs, PocketTrend } = window;

  /*
   * The dialogs and menus of GraphiQL lock scrolling by a <style> element they create, which the
   * content security policy refuses, even an empty one. They get an inert element instead; their
   * code asks it for an old "styleSheet" property first, and this one hands the text to a
   * constructed style sheet, which the policy allows.
   */
  const adopted = new Set();
  const createElement = document.createElement.bind(document);

  function adopt(text) {
    if (!adopted.has(text)) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      document.adoptedStyleSheets.push(sheet);
      adopted.add(text);
    }
  }

  document.createElement = (name, options) => {
    if (name !== "style") {
      return createElement(name, options);
    }
    return Object.assign(createElement("template"), {
      styleSheet: { set cssText(text) { adopt(text); } },
    });
  };

  let socket = null;

  function closeSocket() {
    socket?.dispose();
    socket = null;
  }

  /** Subscriptions share one socket, opened on the first and closed when the session changes. */
  function subscribe(params) {
    socket ??= graphqlWs.createClient({
      url: new URL("/graphql", window.location.href).href.replace(/^http/, "ws"),
      connectionParams: async () => {
        const token = await session.token();
        return token ? { authorization: `Bearer ${token}` } : {};
      },
    });
    const client = socket;
    return {
      subscribe: ({ next, error, complete }) => {
        const fail = (cause) => error(
          cause instanceof CloseEvent
            ? new Error(`The socket was closed: ${cause.code} ${cause.reason}`)
            : cause,
        );
        return { unsubscribe: client.subscribe(params, { next, error: fail, complete }) };
      },
    };
  }

  function isSubscription(document, operationName) {
    return Boolean(document?.definitions.some((definition) =>
      definition.operation === "subscription"
      && (!operationName || definition.name?.value === operationName)));
  }

  async function ask(params, ownHeaders) {
    const headers = new Headers({
      "Accept": "application/graphql-response+json, application/json",
      "Content-Type": "application/json",
    });
    const token = await session.token();
    if (token) {
      headers.set("Authorization", `Bearer ${token}`);
    }
    // What is typed into the Headers pane wins, for instance a personal token.
    Object.entries(ownHeaders ?? {}).forEach(([name, value]) => headers.set(name, value));
    const response = await fetch("/graphql", {
      method: "POST",
      credentials: "omit",
      headers,
      body: JSON.stringify(params),
    });
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      throw new Error(`The server answered ${response.status} with: ${text.slice(0, 200)}`);
    }
  }

  const root = ReactDOM.createRoot(document.getElementById("graphiql"));

  function render() {
    // A new function each time: GraphiQL asks for the schema again when its fetcher changes.
    const fetcher = (params, options) =>
      isSubscription(options?.documentAST, params.operationName)
        ? subscribe(params)
        : ask(params, options?.headers);
    root.render(React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: PocketTrend.examples,
      shouldPersistHeaders: false,
      // What is typed here may hold passwords and amounts, so it ends with the tab.
      storage: window.sessionStorage,
    }));
  }

  const session = PocketTrend.mountSignIn(() => {
    closeSocket();
    render();
  });
  render();
})();
