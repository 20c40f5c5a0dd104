// Owns what a client's program and the test say to each other: one line of JSON at a time, by stdin and stdout.

import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";

// Debian 12's Node has them, but not yet as globals, where both libraries look for them.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Wait for what the test says next. */
export async function hear() {
  const { value, done } = await lines.next();
  if (done) throw new Error("the test has gone");
  return JSON.parse(value);
}

export function say(message) {
  console.log(JSON.stringify(message));
}

/** Return by what code of OAuth, or by what complaint of the library, an attempt is refused; it must be. */
export async function refusalOf(attempt) {
  try {
    await attempt;
  } catch (error) {
    return error.error ?? error.cause?.[0]?.parameters?.error ?? error.cause?.message ?? error.message;
  }
  throw new Error("it was not refused");
}

/** Open a private key that came as a JWK, for a usage as the Web Cryptography API names them. */
export function importKey(jwk, algorithm, usage) {
  return crypto.subtle.importKey("jwk", jwk, algorithm, false, [usage]);
}
