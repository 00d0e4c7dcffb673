// Tries the provider as npm's openid-client sees it. Reads one JSON line with what it needs; where a
// browser is needed it writes {"go": url} and reads the address the browser was sent back to.
import * as readline from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.cwd() + '/')
const oidc = await import(pathToFileURL(require.resolve('openid-client')).href)
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const given = await read()
const insecure = { execute: [oidc.allowInsecureRequests] } // http on loopback
const checks = []

const go = async (url) => {
  process.stdout.write(JSON.stringify({ go: url.href }) + '\n')
  return new URL(await read())
}
const check = (name, holds) => {
  if (!holds) throw new Error(`not so: ${name}`)
  checks.push(name)
}
const fails = async (name, error, doing) => {
  try {
    await doing()
  } catch (fault) {
    const said = fault.error ?? fault.cause?.error ?? fault.code
    if (said !== error) throw new Error(`${name}: ${said} instead of ${error}`, { cause: fault })
    checks.push(name)
    return
  }
  throw new Error(`${name}: nothing was refused`)
}
const discovered = (client, auth, metadata = {}) =>
  oidc.discovery(new URL(given.issuer), client.id, metadata, auth, insecure)

const asked = async (client, more = {}) => {
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const nonce = oidc.randomNonce()
  const parameters = {
    redirect_uri: client.redirect_uri,
    scope: 'openid profile email offline_access',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...more,
  }
  const expected = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }
  return { parameters, expected }
}

// A council service with a secret: the whole way.
const basic = await discovered(given.council, oidc.ClientSecretBasic(given.council.secret))
check('discovery', basic.serverMetadata().issuer === given.issuer)
check('metadata says PKCE S256', basic.serverMetadata().supportsPKCE('S256'))
let { parameters, expected } = await asked(given.council, { max_age: 600 })
let back = await go(oidc.buildAuthorizationUrl(basic, parameters))
let tokens = await oidc.authorizationCodeGrant(basic, back, { ...expected, maxAge: 600 })
check('code with PKCE, state, nonce, iss and max_age', tokens.claims().sub.length > 0)
check('acr and amr', tokens.claims().acr === 'aal1' && tokens.claims().amr.includes('otp'))
const told = await oidc.fetchUserInfo(basic, tokens.access_token, tokens.claims().sub)
check('userinfo', told.name === "Jean O'Malley" && told.email === 'jean@example.com')
const inside = await oidc.tokenIntrospection(basic, tokens.access_token)
check('introspection', inside.active && inside.client_id === given.council.id)
await fails('a code is good once', 'invalid_grant', () =>
  oidc.authorizationCodeGrant(basic, back, { ...expected, maxAge: 600 }),
)
check('a replay stops the tokens', !(await oidc.tokenIntrospection(basic, tokens.access_token)).active)

// Refresh families.
;({ parameters, expected } = await asked(given.council))
back = await go(oidc.buildAuthorizationUrl(basic, parameters))
tokens = await oidc.authorizationCodeGrant(basic, back, expected)
const renewed = await oidc.refreshTokenGrant(basic, tokens.refresh_token)
check('refresh rotates', renewed.refresh_token !== tokens.refresh_token)
check('refresh keeps the subject', renewed.claims().sub === tokens.claims().sub)
await fails('an old refresh token is refused', 'invalid_grant', () =>
  oidc.refreshTokenGrant(basic, tokens.refresh_token),
)
await fails('and its family with it', 'invalid_grant', () =>
  oidc.refreshTokenGrant(basic, renewed.refresh_token),
)

// prompt=none, revocation, sign-out.
;({ parameters, expected } = await asked(given.council, { prompt: 'none' }))
back = await go(oidc.buildAuthorizationUrl(basic, parameters))
tokens = await oidc.authorizationCodeGrant(basic, back, expected)
check('prompt=none while signed in', tokens.claims().sub.length > 0)
await oidc.tokenRevocation(basic, tokens.access_token)
check('revocation', !(await oidc.tokenIntrospection(basic, tokens.access_token)).active)
await fails('a state that differs', 'OAUTH_INVALID_RESPONSE', () =>
  oidc.authorizationCodeGrant(basic, back, { ...expected, expectedState: 'another' }),
)
back = await go(
  oidc.buildEndSessionUrl(basic, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: given.council.signed_out,
    state: 'bye',
  }),
)
check('sign-out asked for by the site', back.searchParams.get('state') === 'bye')
;({ parameters, expected } = await asked(given.council, { prompt: 'none' }))
back = await go(oidc.buildAuthorizationUrl(basic, parameters))
await fails('prompt=none after sign-out', 'login_required', () =>
  oidc.authorizationCodeGrant(basic, back, expected),
)

// A partner that signs, pushes, and binds its tokens to a key.
const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const key = await crypto.subtle.importKey('jwk', given.partner.key, algorithm, false, ['sign'])
const signing = await discovered(
  given.partner,
  oidc.PrivateKeyJwt({ key, kid: given.partner.key.kid }),
)
const keys = await oidc.randomDPoPKeyPair()
const DPoP = oidc.getDPoPHandle(signing, keys)
;({ parameters, expected } = await asked(given.partner))
back = await go(await oidc.buildAuthorizationUrlWithPAR(signing, parameters, { DPoP }))
tokens = await oidc.authorizationCodeGrant(signing, back, expected, undefined, { DPoP })
check('private_key_jwt, PAR and DPoP', tokens.token_type.toLowerCase() === 'dpop')
const sub = tokens.claims().sub
check('a subject of its own', sub !== told.sub)
const bound = await oidc.fetchUserInfo(signing, tokens.access_token, sub, { DPoP })
check('userinfo with DPoP', bound.sub === sub)
const rebound = await oidc.refreshTokenGrant(signing, tokens.refresh_token, undefined, { DPoP })
check('refresh with DPoP', rebound.token_type.toLowerCase() === 'dpop')
await fails('refresh with another key', 'invalid_dpop_proof', async () => {
  const other = oidc.getDPoPHandle(signing, await oidc.randomDPoPKeyPair())
  await oidc.refreshTokenGrant(signing, rebound.refresh_token, undefined, { DPoP: other })
})
const own = await oidc.clientCredentialsGrant(signing, { scope: 'entitlements:check' })
check('client credentials', own.scope === 'entitlements:check')
check('their introspection', (await oidc.tokenIntrospection(signing, own.access_token)).active)

// A client that only knows RS256.
const rs256 = await discovered(given.rs256, oidc.ClientSecretBasic(given.rs256.secret), {
  id_token_signed_response_alg: 'RS256',
})
;({ parameters, expected } = await asked(given.rs256, { scope: 'openid' }))
back = await go(oidc.buildAuthorizationUrl(rs256, parameters))
tokens = await oidc.authorizationCodeGrant(rs256, back, expected)
check('RS256', tokens.claims().aud === given.rs256.id)

process.stdout.write(JSON.stringify({ checks }) + '\n')
process.exit(0)
