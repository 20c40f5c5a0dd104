// A page without a backend: the code flow with PKCE, the access token in memory only.
import { CLIENT_ID, ISSUER } from "./config.js";

const REDIRECT_URI = location.origin + "/";
const message = document.getElementById("message");

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function randomText() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function begin() {
  const state = randomText();
  const verifier = randomText();
  sessionStorage.setItem("login", JSON.stringify({ state, verifier }));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const question = new URLSearchParams({
    response_type: "code",
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    scope: "profile",
    state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  location.assign(`${ISSUER}/oauth/authorize?${question}`);
}

async function finish(answer) {
  const { state, verifier } = JSON.parse(sessionStorage.getItem("login") ?? "{}");
  sessionStorage.removeItem("login");
  history.replaceState(null, "", REDIRECT_URI); // remove the code from the address bar
  if (!state || answer.get("state") !== state || answer.get("iss") !== ISSUER) {
    throw new Error("this response doesn't belong to a login that started here");
  }
  if (answer.has("error")) throw new Error(answer.get("error"));
  const response = await fetch(`${ISSUER}/oauth/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: CLIENT_ID,
      redirect_uri: REDIRECT_URI,
      code: answer.get("code"),
      code_verifier: verifier,
    }),
  });
  const token = await response.json();
  if (!response.ok) throw new Error(token.error);
  return token.access_token;
}

async function show(accessToken) {
  const response = await fetch(`${ISSUER}/api/me`, { headers: { Authorization: `Bearer ${accessToken}` } });
  const person = await response.json();
  message.textContent = `Logged in as ${person.username}`;
}

document.getElementById("login").addEventListener("click", begin);
const answer = new URLSearchParams(location.search);
if (answer.has("state")) {
  finish(answer)
    .then(show)
    .catch((error) => {
      message.textContent = `You are not logged in: ${error.message}`;
    });
}
