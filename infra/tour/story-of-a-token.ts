/** Steps 1 to 8: what a token is, who can make it, who can check it, and what it allows. */
import { guardedServices, services, type GuardedService } from '../system/services.js';
import { admitPublicJwk, parseCompact, verifySignature, type JsonObject } from '#jws';
import { forgeries } from './forgeries.js';
import type { Guide } from './guide.js';
import { showRings, untilRingsAgree, verdicts } from './observations.js';
import { knockAloud, customerService, stranger, type Login } from './people.js';
import { shortKid, shortToken } from './presentation.js';
import { decode, kidOf, kindsOfClaims } from './tokens.js';

/** The public keys, for everybody. */
const jwksRoute = 'GET /.well-known/jwks.json';

/** Where a resource service describes itself. */
const metadataPath = '/.well-known/oauth-protected-resource';

/** What `jwksRoute` answers. */
interface Jwks {
  readonly keys: readonly (JsonObject & { readonly kid: string })[];
}

/** Step 1. */
export const showKeys = (guide: Guide) =>
  guide.step(
    'Who holds which key',
    'One service signs, and every service can check the signature. auth signs with a private key. Every ' +
      'other service has only the public half. The public half checks signatures and cannot make them. The services get ' +
      'the public keys from a statement. Another key signs this statement: the trust anchor.',
    async () => {
      for (const { name } of services) await guide.ask(name, 'GET /trust', { expect: 200 });
      const rings = await untilRingsAgree(guide);
      guide.say('In short:');
      showRings(guide, rings);
      const statement = await guide.ask<string>('auth', 'GET /.well-known/keyset', { expect: 200 });
      const { typ, kid: anchor } = decode(statement.body).header;
      guide.check(typ === 'jwk-set+jwt', 'the key set is in a signed statement (typ jwk-set+jwt)', typ);
      guide.check(
        Object.values(rings).every(({ pin }) => pin === anchor),
        `the trust anchor ${shortKid(anchor)} signed it, and every service has this anchor in its configuration`,
      );
      const { keys: jwks } = (await guide.ask<Jwks>('auth', jwksRoute, { expect: 200 })).body;
      guide.check(
        jwks.every((jwk) => admitPublicJwk(jwk).thumbprint === jwk.kid),
        'each published key has only public members, and its kid is its thumbprint (RFC 7638)',
      );
      guide.key(
        'signing keys: only auth has the private halves, encrypted in its database; every service has the public halves',
      );
      guide.key(
        'trust anchor: only auth has the private half, in a file; every service has the public half in its configuration',
      );
      guide.learned('Verifiers get public keys only', `${jwks.length} keys, no private member`);
    },
  );

/** Step 2. */
export const register = (guide: Guide) =>
  guide.step(
    'Register a customer',
    'auth holds the accounts. No other service gets an e-mail address or a password.',
    async () => {
      const customer = stranger();
      await guide.ask('auth', 'POST /auth/register', { body: customer, expect: 201 });
      return customer;
    },
  );

/** Step 3. */
export const logIn = (guide: Guide, customer: Login) =>
  guide.step(
    'Log in',
    'The customer sends the password to auth only, and gets an access token. It is good for five minutes. Step 12 ' +
      'shows what the refresh token is for.',
    async () => {
      const login = { body: { ...customer, audience: customerService.name }, expect: 200 };
      const { body } = await guide.ask<{ access_token: string }>('auth', 'POST /auth/login', login);
      guide.key(`auth signed this token with the private half of ${shortKid(kidOf(body.access_token))}`);
      return body.access_token;
    },
  );

/** Step 4. */
export const readToken = (guide: Guide, token: string) =>
  guide.step(
    'Read the token',
    'A token has three parts: header, claims and signature, each in base64url. A token is signed, not encrypted. ' +
      'Everybody who has it can read it, as this program does now, without a key. So it must not hold a secret.',
    async () => {
      const { header, claims } = decode(token);
      guide.say(`header.claims.signature = ${shortToken(token)}`);
      guide.lines(JSON.stringify({ header, claims }, null, 2).split('\n'));
      const kinds = kindsOfClaims(claims);
      guide.say(`registered claims, which RFC 7519 itself defines: ${kinds.registered.join(', ')}`);
      guide.say(`public claims, whose name is in the IANA registry or is a URI: ${kinds.public.join(', ')}`);
      guide.say(
        `private claims, whose name issuer and service have agreed on: ${kinds.private.join(', ') || 'none'}`,
      );
      const { keys: jwks } = (await guide.ask<Jwks>('auth', jwksRoute, { expect: 200 })).body;
      const key = admitPublicJwk(jwks.find(({ kid }) => kid === header.kid)!);
      verifySignature(parseCompact(token, { maxBytes: 8192, types: ['at+jwt'] }), key);
      guide.check(
        true,
        'the third part is a good signature over the first two parts: this program has just checked it',
      );
      guide.key(`checked with the public half of ${shortKid(header.kid)} only`);
      guide.say(
        'Compare this with a session id. A session id says nothing by itself. So each server has to ask a shared ' +
          'database at every request. A token can be checked by any number of servers, without a call to auth. But ' +
          'auth cannot simply delete a token. Steps 11 and 14 show what auth does instead.',
      );
    },
  );

/** Step 5. */
export const useToken = (guide: Guide, token: string) =>
  guide.step(
    'Use the token',
    `The customer uses ${customerService.name} with the token. ${customerService.name} checks the token by itself, with the public half that ` +
      'it has in memory. It asks nobody, so it also works while auth is away.',
    async () => {
      const before = await verdicts(guide, customerService.name, 'accepted');
      guide.say('Without a token:');
      await knockAloud(guide, { service: customerService, token: undefined }, 401);
      guide.say('With the token:');
      await knockAloud(guide, { service: customerService, token }, 200);
      const accepted = (await verdicts(guide, customerService.name, 'accepted')) - before;
      guide.check(
        accepted > 0,
        `${customerService.name} counts ${accepted} accepted requests more in its /trust`,
      );
      guide.key(`${customerService.name} verified with the public half of ${shortKid(kidOf(token))}`);
      guide.learned('A service checks tokens alone', '401 without a token, 200 with it');
    },
  );

/** Step 6. */
export const forge = (guide: Guide, token: string) =>
  guide.step(
    'Forge the token',
    'Four forgeries: a changed character, a changed claim, no signature, and an HMAC with the public key as its ' +
      'secret, which is a classic attack. The client always reads the same answer. The exact reason is counted.',
    async () => {
      const { keys: jwks } = (await guide.send<Jwks>('auth', jwksRoute)).body;
      const { key } = admitPublicJwk(jwks.find(({ kid }) => kid === kidOf(token))!);
      const { resource } = (
        await guide.send<{ resource: string }>(customerService.name, `GET ${metadataPath}`)
      ).body;
      const challenge = `Bearer error="invalid_token", resource_metadata="${resource}${metadataPath}"`;
      for (const { what, forged, verdict } of forgeries(token, key)) {
        guide.say(`${what}:`);
        const before = await verdicts(guide, customerService.name, verdict);
        const { headers } = await knockAloud(guide, { service: customerService, token: forged }, 401);
        guide.check(
          headers.get('www-authenticate') === challenge,
          `the answer is the one of RFC 6750, and says where ${customerService.name} describes itself (RFC 9728)`,
        );
        const counted = await verdicts(guide, customerService.name, verdict);
        guide.check(counted > before, `${customerService.name} counted it as ${verdict}`);
      }
      guide.learned('A forged token is refused', '401 for 4 of 4 forgeries');
    },
  );

/** The service that gets a token for another one in step 7. If there is no second verifier, it is auth. */
const elsewhere = guardedServices[1] ?? services.find((row): row is GuardedService => row.name === 'auth')!;

/** Step 7. */
export const useElsewhere = (guide: Guide, token: string) =>
  guide.step(
    'Use the token at another service',
    `The token is genuine, but it is for ${customerService.name} (aud). If ${elsewhere.name} accepted it, ${customerService.name} could use the ` +
      `tokens of its customers at ${elsewhere.name}.`,
    async () => {
      const before = await verdicts(guide, elsewhere.name, 'wrong_audience');
      await knockAloud(guide, { service: elsewhere, token }, 401);
      const after = await verdicts(guide, elsewhere.name, 'wrong_audience');
      guide.check(after > before, `${elsewhere.name} found a good signature, and counted wrong_audience`);
      guide.learned(
        'A token is good for its audience only',
        `200 at ${customerService.name}, 401 at ${elsewhere.name}`,
      );
    },
  );

/** Step 8. */
export const enterAdmin = (guide: Guide, token: string, customer: Login) =>
  guide.step(
    'Use /admin as a customer',
    'An administrator manages keys with a token for auth. A customer cannot get such a token.',
    async () => {
      await guide.ask('auth', 'GET /admin/keys', { token, expect: [401, 403] });
      const login = { body: { ...customer, audience: 'auth' }, expect: 400 };
      await guide.ask('auth', 'POST /auth/login', login);
      guide.learned(
        'A customer cannot manage keys',
        `401 with a token for ${customerService.name}, and no login for auth`,
      );
    },
  );
