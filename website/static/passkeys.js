// Logs in with a passkey, and adds one: fetches the options, lets the browser ask the person, and posts the answer in
// the page's form. Without it, people log in with their password, and the page says that passkeys need JavaScript.
//
// A form with the attribute data-passkey, "get" or "create", names the address of its options in data-options. It is
// hidden until the browser is known to have passkeys. With data-autofill, the browser also offers passkeys in the field
// for the username.

// What is told in the language of the page.
const words = document.querySelector("script[data-cancelled]").dataset;

// The server accepts an answer for five minutes; what the browser offers meanwhile is renewed before.
const RENEW_MILLISECONDS = 4 * 60 * 1000;
const RENEW = "renew";
const BY_BUTTON = "by button";

// What the browser is waiting for, so that a press of the button can take its place.
let waiting = null;

for (const form of document.querySelectorAll("form[data-passkey]")) prepare(form);

// A login form tells whether a passkey can be offered after the login.
for (const field of document.querySelectorAll("input[name=has_passkeys]")) {
  isBuiltIn().then((isThere) => { field.value = isThere ? "1" : ""; });
}

function prepare(form) {
  if (!window.isSecureContext || !window.PublicKeyCredential) {
    // On the login page nothing is missing but the button.
    if (!("autofill" in form.dataset)) tell(form, window.isSecureContext ? words.unsupported : words.insecure);
    return;
  }
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer(form);
  });
  if ("autofill" in form.dataset) offerInField(form);
}

// Whether this device has passkeys itself, without a key that is plugged in.
async function isBuiltIn() {
  try {
    return window.isSecureContext && await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
  } catch {
    return false;
  }
}

async function offerInField(form) {
  if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
  while (await answer(form, "conditional") === RENEW);
}

// Asks the browser for an answer and posts it. Returns why it was interrupted, if it was.
async function answer(form, mediation) {
  waiting?.abort(BY_BUTTON);
  const own = waiting = new AbortController();
  const renewal = mediation && setTimeout(() => own.abort(RENEW), RENEW_MILLISECONDS);
  // What the server said about the last answer stays until the person tries again.
  if (!mediation) tell(form, "");
  try {
    const { options, challenge } = await fetchOptions(form.dataset.options, own.signal);
    const publicKey = decode(options);
    const credential = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey, signal: own.signal })
      : await navigator.credentials.get({ publicKey, signal: own.signal, mediation });
    form.elements.credential.value = JSON.stringify(encode(credential));
    form.elements.challenge.value = challenge;
    form.submit();
  } catch (error) {
    if (own.signal.aborted) return own.signal.reason;
    // What nobody asked for isn't reported: the person may be typing a password.
    if (!mediation) tell(form, explain(error, form.dataset.passkey));
  } finally {
    clearTimeout(renewal);
  }
  return null;
}

async function fetchOptions(address, signal) {
  const response = await fetch(address, { headers: { Accept: "application/json" }, signal });
  if (!response.ok) throw new Error(`The options could not be fetched: ${response.status}`);
  return response.json();
}

function explain(error, kind) {
  switch (error.name) {
    // The browser doesn't say whether the person cancelled, waited too long, or has no passkey here.
    case "NotAllowedError": return kind === "create" ? words.notAdded : words.cancelled;
    case "InvalidStateError": return words.exists;
    case "ConstraintError": case "NotSupportedError": return words.unsupported;
    case "SecurityError": return words.insecure;
    default: return words.failed;
  }
}

function tell(form, text) {
  const place = document.getElementById(form.getAttribute("aria-describedby"));
  if (place) place.textContent = text;
}

// Bytes are base64url in JSON. Browsers have PublicKeyCredential.parseRequestOptionsFromJSON() for this since 2025.
function decode(options) {
  const decoded = { ...options, challenge: toBytes(options.challenge) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (options[list]) decoded[list] = options[list].map((each) => ({ ...each, id: toBytes(each.id) }));
  }
  if (options.user) decoded.user = { ...options.user, id: toBytes(options.user.id) };
  return decoded;
}

function encode({ id, type, rawId, response }) {
  const encoded = { clientDataJSON: toText(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) encoded[name] = toText(response[name]);
  }
  if (response.getTransports) encoded.transports = response.getTransports();
  return { id, type, rawId: toText(rawId), response: encoded };
}

function toBytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function toText(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
