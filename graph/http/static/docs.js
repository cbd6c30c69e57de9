/* Swagger UI over the description of the REST layer, signed in by the bar above it. */
(() => {
  "use strict";

  const { SwaggerUIBundle, PocketTrend } = window;

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();

  const session = PocketTrend.mountSignIn(() => {});

  async function authorize(request) {
    // A token given to the Authorize dialog wins over the session of the bar.
    if (!request.loadSpec && !request.headers?.Authorization) {
      const token = await session.token();
      if (token) {
        request.headers = { ...request.headers, Authorization: `Bearer ${token}` };
      }
    }
    return request;
  }

  SwaggerUIBundle({
    url: "/v1/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
    displayRequestDuration: true,
    filter: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    layout: "BaseLayout",
    presets: [SwaggerUIBundle.presets.apis],
    requestInterceptor: authorize,
  });
})();
