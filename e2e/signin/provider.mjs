// An OpenID provider that is certified by the OpenID Foundation, set up as a
// company would: code flow with PKCE for the portal, client credentials with an
// audience for machines. It reads its settings as one line of JSON, prints its
// issuer, and ends with its standard input.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const key = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg,
});

function provider(issuer, { redirect, audience, people, secret }) {
  return new Provider(issuer, {
    clients: [
      { client_id: 'lethe-portal', client_secret: secret, redirect_uris: [redirect], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] },
      { client_id: 'orders-client', client_secret: secret, redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
      { client_id: 'orders-ci', client_secret: secret, redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
      { client_id: 'stranger', client_secret: secret, redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
    ],
    jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')] },
    cookies: { keys: [secret] },
    pkce: { required: () => true },
    claims: { openid: ['sub'], profile: ['name'], groups: ['groups'] },
    // Roles are read from the ID token, so their claim must be in it.
    conformIdTokenClaims: false,
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    extraTokenClaims: (_, token) => (token.clientId === 'orders-ci' ? { groups: ['lethe:ci'], lethe_service: 'orders' } : undefined),
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({ scope: '', audience: resource === audience ? audience : 'somebody-else', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
      },
    },
    ttl: { AccessToken: 600, ClientCredentials: 600, Session: 600, Interaction: 600, Grant: 600, IdToken: 600, RefreshToken: 600 },
  });
}

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  console.log(issuer);
  lines.once('line', (line) => {
    server.on('request', provider(issuer, JSON.parse(line)).callback());
    console.log('ready');
  });
});
