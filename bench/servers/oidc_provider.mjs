// node-oidc-provider, all in memory: three clients, one account, the library's own login and consent pages.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { PORT, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env;
const ISSUER = `http://127.0.0.1:${PORT}`;

// The library's in-memory adapter keeps the latest 1,000 entries only, so that a run of many tokens
// would measure evictions. This one has the same methods on a plain Map.
const entries = new Map();
const REVOKED_WITH_GRANT = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

class MemoryAdapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    const key = this.key(id);
    if (this.model === 'Session') entries.set(`uid:${payload.uid}`, id);
    if (payload.grantId && REVOKED_WITH_GRANT.has(this.model)) {
      const group = `grant:${payload.grantId}`;
      if (entries.has(group)) entries.get(group).push(key);
      else entries.set(group, [key]);
    }
    entries.set(key, payload);
  }

  async find(id) {
    return entries.get(this.key(id));
  }

  async findByUid(uid) {
    return this.find(entries.get(`uid:${uid}`));
  }

  async consume(id) {
    entries.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    entries.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    const group = `grant:${grantId}`;
    for (const key of entries.get(group) ?? []) entries.delete(key);
    entries.delete(group);
  }
}

const keys = [
  { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), alg: 'ES256' },
  { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), alg: 'RS256' },
].map((key) => ({ ...key, use: 'sig', kid: key.alg }));

const client = (id, algorithm) => ({
  client_id: id,
  client_secret: CLIENT_SECRET,
  redirect_uris: [REDIRECT_URI],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  response_types: ['code'],
  scope: 'openid offline_access profile api',
  id_token_signed_response_alg: algorithm,
});

const provider = new Provider(ISSUER, {
  adapter: MemoryAdapter,
  clients: [
    client(CLIENT_ID, 'ES256'), client(`${CLIENT_ID}-ES256`, 'ES256'), client(`${CLIENT_ID}-RS256`, 'RS256'),
  ],
  jwks: { keys },
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'] },
  scopes: ['openid', 'offline_access', 'profile', 'api'],
  claims: { profile: ['name', 'preferred_username'] },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    devInteractions: { enabled: true },
  },
  pkce: { required: () => true },
  cookies: { keys: ['only-for-a-loopback-measurement'] },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: async (ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, name: 'Bench', preferred_username: id }),
  }),
  ttl: {
    AccessToken: 3600, ClientCredentials: 3600, IdToken: 3600, Interaction: 600,
    RefreshToken: 86400, Grant: 86400, Session: 86400,
  },
});

provider.listen(Number(PORT), '127.0.0.1');
