// A relying party written with oauth4webapi, step by step: discovery, login, UserInfo, refresh, an API, revocation.
//
// Reads as such a client is written; the test tells it which client it is, and plays the person's browser.

import { hear, importKey, refusalOf, say } from "./conversation.js";

const oauth = await import("oauth4webapi");

const given = await hear();
const http = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(given.issuer);
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
const client = { client_id: given.client_id, ...given.metadata };

const authentication = {
  none: () => oauth.None(),
  client_secret_basic: () => oauth.ClientSecretBasic(given.client_secret),
  client_secret_post: () => oauth.ClientSecretPost(given.client_secret),
}[given.metadata.token_endpoint_auth_method]();

const state = oauth.generateRandomState();
const nonce = oauth.generateRandomNonce();
const verifier = oauth.generateRandomCodeVerifier();
const isHybrid = given.response_type === "code id_token";

const address = new URL(server.authorization_endpoint);
address.search = new URLSearchParams({
  client_id: client.client_id,
  redirect_uri: given.redirect_uri,
  response_type: given.response_type,
  scope: "openid profile offline_access",
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  prompt: "consent",
  state,
  nonce,
});
say({ authorization_url: address.href });
const callback = new URL(await hear());

const forged = new URL(callback);
if (!isHybrid) {
  forged.searchParams.set("iss", "https://evil.example");
  say({ of_another_issuer: await refusalOf((async () => oauth.validateAuthResponse(server, client, forged, state))()) });
} else {
  forged.hash = forged.hash.replace(/code=[^&]+/, "code=another");
  say({ of_another_code: await refusalOf(oauth.validateCodeIdTokenResponse(server, client, forged, nonce, state, undefined, http)) });
}

const answer = isHybrid
  ? await oauth.validateCodeIdTokenResponse(server, client, callback, nonce, state, undefined, http)
  : oauth.validateAuthResponse(server, client, callback, state);

const tokenResponse = await oauth.authorizationCodeGrantRequest(
  server, client, authentication, answer, given.redirect_uri, verifier, http,
);
const tokens = await oauth.processAuthorizationCodeResponse(server, client, tokenResponse, {
  expectedNonce: nonce,
  requireIdToken: true,
});
await oauth.validateApplicationLevelSignature(server, tokenResponse, http);
const claims = oauth.getValidatedIdTokenClaims(tokens);

async function whoIs(accessToken) {
  const response = await oauth.userInfoRequest(server, client, accessToken, http);
  return oauth.processUserInfoResponse(server, client, claims.sub, response);
}

async function refresh(refreshToken) {
  const response = await oauth.refreshTokenGrantRequest(server, client, authentication, refreshToken, http);
  return oauth.processRefreshTokenResponse(server, client, response);
}

async function introspect(token) {
  const response = await oauth.introspectionRequest(server, client, authentication, token, http);
  return oauth.processIntrospectionResponse(server, client, response);
}

say({ claims, person: await whoIs(tokens.access_token) });

// What an API does that verifies JWTs itself (RFC 9068).
const call = new Request("https://api.example/", { headers: { Authorization: `Bearer ${tokens.access_token}` } });
say({ at_the_api: await oauth.validateJwtAccessToken(server, call, given.audience, http) });

const refreshed = await refresh(tokens.refresh_token);
say({ person_again: await whoIs(refreshed.access_token), is_new: refreshed.access_token !== tokens.access_token });

const isPublic = given.metadata.token_endpoint_auth_method === "none";
const before = isPublic ? null : await introspect(refreshed.access_token);
await oauth.processRevocationResponse(
  await oauth.revocationRequest(server, client, authentication, refreshed.refresh_token, http),
);
say({
  introspected: before && { before: before.active, after: (await introspect(refreshed.access_token)).active },
  userinfo_after_revocation: await refusalOf(whoIs(refreshed.access_token)),
  refresh_after_revocation: await refusalOf(refresh(refreshed.refresh_token)),
});

// The library has no function for it: an address and its parameters (OpenID Connect RP-Initiated Logout 1.0).
const leaving = new URL(server.end_session_endpoint);
leaving.searchParams.set("id_token_hint", tokens.id_token);
leaving.searchParams.set("post_logout_redirect_uri", given.post_logout_redirect_uri);
say({ end_session_url: leaving.href });
process.exit();
