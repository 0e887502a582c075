"""Logins at an OpenID provider (OpenID Connect Core 1.0): code flow with PKCE, bound to the browser that began it."""
