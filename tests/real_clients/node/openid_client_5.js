// A relying party written with openid-client 5: discovery, tokens by a JWT that it signs, introspection, revocation.
//
// Nothing is set but what the client's developer knows; version 5 names issuer and token endpoint in its `aud`.

import { createRequire } from "node:module";

import { hear, refusalOf, say } from "./conversation.js";

const { Issuer } = createRequire(import.meta.url)("openid-client-5");

const given = await hear();
const issuer = await Issuer.discover(given.issuer);
const client = new issuer.Client(given.metadata, given.signing_key && { keys: [given.signing_key] });

const tokens = await client.grant({ grant_type: "client_credentials", scope: "photos" });
const described = await client.introspect(tokens.access_token);
await client.revoke(tokens.access_token);
const after = await client.introspect(tokens.access_token);
say({ scope: tokens.scope, described, after });

say({ refused: await refusalOf(client.grant({ grant_type: "client_credentials", scope: "nothing" })) });
process.exit();
