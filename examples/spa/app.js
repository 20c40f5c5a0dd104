// A single-page application whose users log in with Grantwright: a public client, with PKCE instead of a secret.

const element = (id) => document.getElementById(id);
const redirect_uri = new URL(".", location.href).href;
let issuer, client_id, metadata;

// Tokens are only in this variable, where no other page and no later visit can read them.
let tokens = null;
let refreshing = null;

async function discover() {
  const settings = await fetch("settings.json");
  if (!settings.ok) throw new Error("settings.json is missing. See README.md.");
  ({ issuer, client_id } = await settings.json());
  metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  // The document must be for the issuer we trust (RFC 8414, section 3.3).
  if (metadata.issuer !== issuer) throw new Error("The metadata is for another issuer.");
}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function logIn() {
  await discover();
  const begun = { state: random(), verifier: random() };
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(begun.verifier));
  // Only this has to survive until the browser comes back to the page; only this tab can read it.
  sessionStorage.setItem("login", JSON.stringify(begun));
  const query = new URLSearchParams({
    response_type: "code", client_id, redirect_uri, scope: "profile", state: begun.state,
    code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256",
  });
  location.assign(`${metadata.authorization_endpoint}?${query}`);
}

async function finishLogin() {
  const answer = new URLSearchParams(location.search);
  const begun = JSON.parse(sessionStorage.getItem("login"));
  if (!answer.has("state") && !answer.has("iss")) return;
  // Both work only once: don't leave the code or the verifier where something could find them.
  history.replaceState(null, "", redirect_uri);
  sessionStorage.removeItem("login");
  if (!begun || answer.get("state") !== begun.state) throw new Error("This login wasn't started here.");
  // A response from another server must not pass for one from ours (RFC 9207).
  if (answer.get("iss") !== issuer) throw new Error("This response isn't from Grantwright.");
  if (answer.has("error")) throw new Error(`The login failed: ${answer.get("error")}.`);
  const code = answer.get("code");
  await fetchTokens({ grant_type: "authorization_code", code, redirect_uri, code_verifier: begun.verifier });
}

const send = (address, fields) =>
  fetch(address, { method: "POST", body: new URLSearchParams({ client_id, ...fields }), credentials: "omit" });

async function fetchTokens(fields) {
  const former = tokens;
  const response = await send(metadata.token_endpoint, fields);
  const answer = await response.json();
  // If the user has logged out in the meantime, stay logged out.
  if (tokens !== former) throw new Error("That login has ended.");
  if (!response.ok) {
    tokens = null;
    throw new Error(`Grantwright gives no token: ${answer.error}.`);
  }
  tokens = { ...tokens, ...answer, expires_at: Date.now() + 1000 * answer.expires_in };
}

// A refresh token works once, so concurrent callers wait for the same response.
function refresh() {
  const used = { grant_type: "refresh_token", refresh_token: tokens.refresh_token };
  refreshing ??= fetchTokens(used).then(() => show()).finally(() => (refreshing = null));
  return refreshing;
}

async function askApi() {
  if (Date.now() > tokens.expires_at - 30_000) await refresh();
  const headers = { Authorization: `Bearer ${tokens.access_token}` };
  const response = await fetch(`${issuer}/api/me`, { headers, credentials: "omit" });
  if (response.status === 401) tokens = null;
  if (!response.ok) throw new Error(`The API does not take our token: status ${response.status}.`);
  const user = await response.json();
  element("username").textContent = user.username;
  element("user-id").textContent = user.id;
  show();
}

async function logOut() {
  const token = tokens.refresh_token;
  tokens = null;
  // Revoking the refresh token also revokes its access tokens.
  const response = await send(metadata.revocation_endpoint, { token });
  if (!response.ok) throw new Error("Grantwright didn't revoke the token.");
  show("You're logged out here, but still logged in to Grantwright.");
}

function show(notice = "") {
  element("notice").textContent = notice;
  element("notice").hidden = !notice;
  element("logged-in").hidden = !tokens;
  element("logged-out").hidden = Boolean(tokens);
  if (tokens) element("until").textContent = new Date(tokens.expires_at).toLocaleTimeString("en-GB");
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    show(error instanceof TypeError ? "Grantwright isn't responding." : error.message);
  }
}

element("log-in").addEventListener("click", () => attempt(logIn));
element("refresh").addEventListener("click", () => attempt(refresh));
element("ask").addEventListener("click", () => attempt(askApi));
element("log-out").addEventListener("click", () => attempt(logOut));
await attempt(async () => {
  await discover();
  await finishLogin();
  await (tokens ? askApi() : show());
});
