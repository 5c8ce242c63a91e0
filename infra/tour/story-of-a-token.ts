/**
 * Steps 1 to 8: what a token is, who can make one, who can check one, and what it is good for.
 */
import { randomUUID } from 'node:crypto';
import { admitPublicJwk, parseCompact, verifySignature } from '#jws';
import { forgeries } from './forgeries.js';
import type { Guide } from './guide.js';
import * as keys from './key-rings.js';
import { knock, stranger, type Login, type Product } from './people.js';
import { shortKid, shortToken } from './presentation.js';
import { decode, kidOf, kindsOfClaims } from './tokens.js';

/** Step 1. */
export const showKeys = (guide: Guide) =>
  guide.step(
    'Who holds which key',
    'One hand seals, anyone can check the seal. auth signs with a private key; orders and inventory have its public ' +
      'half, which can check a signature and cannot make one. They learn the public keys from a statement that is ' +
      'itself signed, by a key apart: the trust anchor.',
    async () => {
      for (const service of keys.services) await guide.ask(service, 'GET /trust', { expect: 200 });
      const rings = await keys.untilRingsAgree(guide);
      guide.say('In short:');
      keys.showRings(guide, rings);
      const statement = await guide.ask<string>('auth', 'GET /.well-known/keyset', { expect: 200 });
      const { typ, kid: anchor } = decode(statement.body).header;
      guide.check(typ === 'jwk-set+jwt', 'the key set comes as a signed statement (typ jwk-set+jwt)', typ);
      guide.check(
        Object.values(rings).every(({ pin }) => pin === anchor),
        `its signer is the trust anchor ${shortKid(anchor)}, which every service has pinned by configuration`,
      );
      const { keys: jwks } = (await guide.ask<keys.Jwks>('auth', keys.jwksRoute, { expect: 200 })).body;
      guide.check(
        jwks.every((jwk) => admitPublicJwk(jwk).thumbprint === jwk.kid),
        'each published key has public members only, and its kid is its own thumbprint (RFC 7638)',
      );
      guide.key(
        'signing keys: private halves in auth alone, sealed in its database; public halves everywhere',
      );
      guide.key(
        'trust anchor: private half in a file that auth alone is given; public half pinned everywhere',
      );
      guide.learned('Verifiers are told public keys only', `${jwks.length} keys, no private member`);
    },
  );

/** Step 2. */
export const register = (guide: Guide) =>
  guide.step(
    'Register a customer',
    'Accounts live in auth. No other service ever sees an address or a password.',
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
    'The password is shown once, to auth, in exchange for a token that is good for five minutes.',
    async () => {
      const login = { body: customer, expect: 200 };
      const { body } = await guide.ask<{ access_token: string }>('auth', 'POST /auth/login', login);
      guide.key(`auth signed this token with the private half of ${shortKid(kidOf(body.access_token))}`);
      return body.access_token;
    },
  );

/** Step 4. */
export const readToken = (guide: Guide, token: string) =>
  guide.step(
    'Read the token',
    'A token has three parts: header, claims, signature, each in base64url. Signed is not encrypted: whoever holds ' +
      'it can read it, as we do now without any key, so nothing secret belongs in it.',
    async () => {
      const { header, claims } = decode(token);
      guide.say(`header.claims.signature = ${shortToken(token)}`);
      guide.lines(JSON.stringify({ header, claims }, null, 2).split('\n'));
      const kinds = kindsOfClaims(claims);
      guide.say(`registered claims, those of RFC 7519 itself: ${kinds.registered.join(', ')}`);
      guide.say(
        `public claims, whose names are in the IANA registry or are URIs: ${kinds.public.join(', ')}`,
      );
      guide.say(
        `private claims, which two parties merely agreed upon: ${kinds.private.join(', ') || 'none'}`,
      );
      const { keys: jwks } = (await guide.ask<keys.Jwks>('auth', keys.jwksRoute, { expect: 200 })).body;
      const key = admitPublicJwk(jwks.find(({ kid }) => kid === header.kid)!);
      verifySignature(parseCompact(token, { maxBytes: 8192, types: ['at+jwt'] }), key);
      guide.check(
        true,
        'the third part is a good signature over the first two: this program just checked it',
      );
      guide.key(`checked with the public half of ${shortKid(header.kid)}, and with nothing else`);
      guide.say(
        'Compare a session id: it means nothing by itself, so each server behind the load balancer has to ask one ' +
          'shared database who it is, at every request. A token is judged where it arrives, by any number of ' +
          'servers, with no call to auth. The price is that it cannot simply be deleted; step 11 pays it.',
      );
    },
  );

/** Step 5. */
export const placeOrder = (guide: Guide, token: string) =>
  guide.step(
    'Read products, place an order',
    'The token buys something. orders judges it alone, then asks inventory for the price over REST. A network may ' +
      'fail after the order is made and before the answer is here, so the request carries an Idempotency-Key.',
    async () => {
      const { items } = (await guide.ask<{ items: Product[] }>('inventory', 'GET /products', { expect: 200 }))
        .body;
      const product = items[0]!;
      const body = { lines: [{ sku: product.sku, quantity: 2 }] };
      const request = { token, headers: { 'idempotency-key': randomUUID() }, body, expect: 201 };
      const [before, acceptedBefore] = [
        await keys.priceLookups(guide),
        await keys.verdicts(guide, 'orders', 'accepted'),
      ];
      const first = await guide.ask<{ id: string; totalCents: number }>('orders', 'POST /orders', request);
      const lookups = (await keys.priceLookups(guide)) - before;
      guide.check(first.body.totalCents === 2 * product.priceCents, 'the order is priced as inventory says');
      guide.check(
        lookups > 0,
        `orders asked inventory: GET /products/:sku, counted in its /metrics (${lookups})`,
      );
      const second = await guide.ask<{ id: string }>('orders', 'POST /orders', request);
      guide.check(
        second.body.id === first.body.id,
        'the same Idempotency-Key again: the same order, not a second',
      );
      const accepted = (await keys.verdicts(guide, 'orders', 'accepted')) - acceptedBefore;
      guide.key(
        `orders verified with the public half of ${shortKid(kidOf(token))} (${accepted} accepted, by its /trust)`,
      );
      guide.learned('A repeated request is one order', `order ${first.body.id.slice(0, 8)} twice`);
      return product;
    },
  );

/** Step 6. */
export const forge = (guide: Guide, token: string) =>
  guide.step(
    'Forge the token',
    'One character changed, better claims under the old signature, no signature at all, and the classic: an HMAC ' +
      'with the public key as its secret. The client hears the same each time; what it was is in the counters.',
    async () => {
      const { keys: jwks } = (await guide.send<keys.Jwks>('auth', keys.jwksRoute)).body;
      const { key } = admitPublicJwk(jwks.find(({ kid }) => kid === kidOf(token))!);
      for (const { what, forged, verdict } of forgeries(token, key)) {
        guide.say(`${what}:`);
        const before = await keys.verdicts(guide, 'orders', verdict);
        const { headers } = await guide.ask('orders', 'GET /orders', { token: forged, expect: 401 });
        guide.check(
          headers.get('www-authenticate') === 'Bearer error="invalid_token"',
          'refused as RFC 6750 says',
        );
        guide.check(
          (await keys.verdicts(guide, 'orders', verdict)) > before,
          `orders counted it as ${verdict}`,
        );
      }
      guide.learned('A forged token is refused', '401 for 4 of 4 forgeries');
    },
  );

/** Step 7. */
export const useElsewhere = (guide: Guide, token: string, product: Product) =>
  guide.step(
    'Use it elsewhere',
    'The token is genuine, but its aud is orders. A service that accepted tokens meant for another could replay them.',
    async () => {
      const { route, body } = knock(product).inventory;
      const before = await keys.verdicts(guide, 'inventory', 'wrong_audience');
      await guide.ask('inventory', route, { token, body, expect: 401 });
      const after = await keys.verdicts(guide, 'inventory', 'wrong_audience');
      guide.check(after > before, 'inventory found the signature good and counted wrong_audience');
      guide.learned('A token is good at its audience only', '200 at orders, 401 at inventory');
    },
  );

/** Step 8. */
export const enterAdmin = (guide: Guide, token: string, customer: Login) =>
  guide.step(
    'Enter /admin as a customer',
    'Keys are managed at auth with a token for auth. A customer has none, and is given none.',
    async () => {
      await guide.ask('auth', 'GET /admin/keys', { token, expect: [401, 403] });
      const login = { body: { ...customer, audience: 'auth' }, expect: 400 };
      await guide.ask('auth', 'POST /auth/login', login);
      guide.learned('A customer manages no keys', '401 with an orders token, and no login for auth');
    },
  );
