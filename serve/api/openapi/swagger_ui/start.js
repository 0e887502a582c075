// Shows our interface; no address in it is of another host.
"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  // A key that was typed in is gone with the page.
  persistAuthorization: false,
  // Without it, the document is sent to a checker on the internet.
  validatorUrl: null,
});
