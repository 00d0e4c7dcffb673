// npm's oidc-provider with everything it keeps in PostgreSQL: a table of payloads, prepared
// statements, ten connections. Settings are one line of JSON on standard input; its end ends this.
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { Provider } from 'oidc-provider';
import pg from 'pg';

const input = createInterface({ input: process.stdin });
const [line] = await once(input, 'line');
input.on('close', () => process.exit());
const { port, socket, clients, jwks } = JSON.parse(line);
const pool = new pg.Pool({ host: socket, user: 'postgres', database: 'postgres', max: 10 });

const FOUND = `SELECT payload, consumed_at FROM oidc_payload WHERE kind = $1
  AND id = $2 AND (expires_at IS NULL OR expires_at > now())`;
const KEPT = `INSERT INTO oidc_payload (kind, id, payload, grant_id, uid, user_code, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
  ON CONFLICT (kind, id) DO UPDATE SET payload = $3, expires_at = EXCLUDED.expires_at`;

function of(row) {
  if (!row) return undefined;
  return row.consumed_at ? { ...row.payload, consumed: true } : row.payload;
}

async function ask(name, text, values) {
  return (await pool.query({ name, text, values })).rows[0];
}

class Adapter {
  constructor(kind) {
    this.kind = kind;
  }

  async find(id) {
    return of(await ask('find', FOUND, [this.kind, id]));
  }

  async findByUid(uid) {
    return of(await ask('find-uid', FOUND.replace('id =', 'uid ='), [this.kind, uid]));
  }

  async findByUserCode(code) {
    return of(await ask('find-code', FOUND.replace('id =', 'user_code ='), [this.kind, code]));
  }

  async upsert(id, payload, expiresIn) {
    const { grantId = null, uid = null, userCode = null } = payload;
    const life = expiresIn ?? null;
    await ask('keep', KEPT, [this.kind, id, payload, grantId, uid, userCode, life]);
  }

  async consume(id) {
    const text = 'UPDATE oidc_payload SET consumed_at = now() WHERE kind = $1 AND id = $2';
    await ask('consume', text, [this.kind, id]);
  }

  async destroy(id) {
    await ask('destroy', 'DELETE FROM oidc_payload WHERE kind = $1 AND id = $2', [this.kind, id]);
  }

  async revokeByGrantId(grantId) {
    await ask('revoke', 'DELETE FROM oidc_payload WHERE grant_id = $1', [grantId]);
  }
}

await pool.query(`CREATE TABLE oidc_payload (
  kind text, id text, payload jsonb NOT NULL, grant_id text, uid text, user_code text,
  expires_at timestamptz, consumed_at timestamptz, PRIMARY KEY (kind, id))`);
const store = new Adapter('Client');
for (const client of clients) await store.upsert(client.client_id, client);

const provider = new Provider(`http://localhost:${port}`, {
  adapter: Adapter,
  jwks,
  scopes: ['entitlements:check'],
  cookies: { keys: ['a key for cookies that nobody is given here'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
  clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
  enabledJWA: { clientAuthSigningAlgValues: ['ES256'] },
  ttl: { ClientCredentials: 300 },
});
provider.on('server_error', (_context, error) => console.error(error));
provider.listen(port, '127.0.0.1', () => console.log('ready'));
