// A relying party written with openid-client: discovery, login, UserInfo, refresh, revocation.
//
// Reads as such a client is written; the test tells it which client it is, and plays the person's browser.

import { hear, importKey, refusalOf, say } from "./conversation.js";

const client = await import("openid-client");

const given = await hear();
const signingKey = given.signing_key && {
  key: await importKey(given.signing_key, { name: "ECDSA", namedCurve: "P-256" }, "sign"),
  kid: given.signing_key.kid,
};

const authentication = {
  none: () => client.None(),
  client_secret_basic: () => client.ClientSecretBasic(given.client_secret),
  client_secret_post: () => client.ClientSecretPost(given.client_secret),
  client_secret_jwt: () => client.ClientSecretJwt(given.client_secret),
  private_key_jwt: () => client.PrivateKeyJwt(signingKey),
}[given.metadata.token_endpoint_auth_method]();

const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
if (given.response_type === "code id_token") execute.push(client.useCodeIdTokenResponseType);
if (given.response_type === "id_token") execute.push(client.useIdTokenResponseType);
const config = await client.discovery(new URL(given.issuer), given.client_id, given.metadata, authentication, { execute });

if (given.decryption_key) {
  const key = await importKey(given.decryption_key, { name: "ECDH", namedCurve: "P-256" }, "deriveBits");
  client.enableDecryptingResponses(config, ["A128GCM"], { key, kid: given.decryption_key.kid, alg: "ECDH-ES" });
}

const state = client.randomState();
const nonce = client.randomNonce();
const verifier = client.randomPKCECodeVerifier();
const parameters = { redirect_uri: given.redirect_uri, scope: "openid profile email", max_age: "600", state, nonce };
if (given.response_type !== "id_token") {
  parameters.code_challenge = await client.calculatePKCECodeChallenge(verifier);
  parameters.code_challenge_method = "S256";
}

// With a signed request object only what is in it counts (RFC 9101).
const address = given.is_request_signed
  ? await client.buildAuthorizationUrlWithJAR(config, parameters, signingKey)
  : client.buildAuthorizationUrl(config, parameters);
say({ authorization_url: address.href });
const callback = new URL(await hear());

if (given.response_type === "id_token") {
  const claims = await client.implicitAuthentication(config, callback, nonce, { expectedState: state, maxAge: 600 });
  say({ claims });
  process.exit();
}

const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, maxAge: 600, idTokenExpected: true };

// Answers of somebody else's are not for it: of another server (RFC 9207), to another question.
const forged = new URL(callback);
const part = given.response_type === "code" ? "search" : "hash";
const answer = new URLSearchParams(forged[part].slice(1));
answer.set("iss", "https://evil.example");
forged[part] = answer;
say({ of_another_issuer: await refusalOf(client.authorizationCodeGrant(config, forged, checks)) });

const tokens = await client.authorizationCodeGrant(config, callback, checks);
const claims = tokens.claims();
const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
say({ claims, person });

const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
const personAgain = await client.fetchUserInfo(config, refreshed.access_token, claims.sub);
say({ refreshed_claims: refreshed.claims(), person_again: personAgain, is_new: refreshed.access_token !== tokens.access_token });

await client.tokenRevocation(config, refreshed.refresh_token);
say({
  userinfo_after_revocation: await refusalOf(client.fetchUserInfo(config, refreshed.access_token, claims.sub)),
  refresh_after_revocation: await refusalOf(client.refreshTokenGrant(config, refreshed.refresh_token)),
});

const leaving = { post_logout_redirect_uri: given.post_logout_redirect_uri, state: client.randomState() };
// One that is encrypted for the client says nothing to the provider: there the person is asked.
if (!given.decryption_key) leaving.id_token_hint = tokens.id_token;
say({ end_session_url: client.buildEndSessionUrl(config, leaving).href, leaving });
process.exit();
