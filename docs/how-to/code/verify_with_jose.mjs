// Verifies a JWT access token with jose, given the issuer and the audience: prints whose token it is.

import { text } from "node:stream/consumers";
import { createRemoteJWKSet, jwtVerify } from "jose";

const issuer = process.env.ISSUER;
const audience = process.env.AUDIENCE;

const answer = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
const metadata = await answer.json();
if (metadata.issuer !== issuer) throw new Error("The metadata is for another issuer.");
// It fetches the keys when a token names one that it doesn't know, so create it once.
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));

/** Return the claims of an access token. Throws unless it's valid and for us. */
async function verify(token) {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: ["RS256", "ES256"],
    typ: "at+jwt", // the same keys sign ID tokens and others
    issuer,
    audience,
    clockTolerance: 10,
    requiredClaims: ["exp", "sub", "client_id"],
  });
  return payload;
}

try {
  const { sub, client_id, scope } = await verify((await text(process.stdin)).trim());
  console.log(JSON.stringify({ sub, client_id, scope }));
} catch (error) {
  console.error(`invalid_token: ${error.message}`);
  process.exitCode = 1;
}
