// An OpenID provider (npm: oidc-provider) with one client. Whoever logs in is believed.
// node provider.mjs FOLDER_WITH_NODE_MODULES PORT ORIGIN_OF_THE_CLIENT
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const [folder, port, origin] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${folder}/node_modules/oidc-provider/lib/index.js`));
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'k1' };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'gateway',
    client_secret: 'a secret of some length',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [`${origin}/.tidegate/callback`],
    post_logout_redirect_uris: [`${origin}/`],
  }],
  jwks: { keys: [key] },
  cookies: { keys: ['for tests'] },
  claims: { openid: ['sub', 'groups'], email: ['email'] },
  conformIdTokenClaims: false,
  issueRefreshToken: async () => true,
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: `${id}@example.com`, groups: ['ops', 'dev'] }),
  }),
  ttl: { Session: 600, Grant: 600, Interaction: 600, AccessToken: 600, IdToken: 600, RefreshToken: 600 },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
});
provider.listen(Number(port), '127.0.0.1');
