// The frame by which a client's page asks whether the login is still the one it knows (OpenID Connect Session
// Management 1.0, section 3.2). The page posts "<client_id> <session_state>" and hears unchanged, changed or error.
const cookieName = document.currentScript.dataset.cookie;

function browserState() {
  const pair = document.cookie.split("; ").find((held) => held.startsWith(`${cookieName}=`));
  return pair === undefined ? "" : pair.slice(cookieName.length + 1);
}

async function encode(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const bytes = String.fromCharCode(...new Uint8Array(digest));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function judge(message, origin) {
  const [clientId, sessionState, ...rest] = String(message).split(" ");
  const salt = sessionState?.split(".")[1];
  if (!clientId || !salt || rest.length) return "error";
  const expected = `${await encode(`${clientId} ${origin} ${browserState()} ${salt}`)}.${salt}`;
  return expected === sessionState ? "unchanged" : "changed";
}

addEventListener("message", async (event) => {
  if (event.source === null || event.source === window) return;
  event.source.postMessage(await judge(event.data, event.origin), event.origin);
});
