import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createTestIssuer, serve } from '#testing';
import { openTrust, type Trust } from './open-trust.js';
import { severalIssuers, type SeveralIssuers } from './several-issuers.js';

const closers: (() => Promise<unknown>)[] = [];
let trusts: [Trust, Trust];
let issuers: [TestIssuer, TestIssuer];
let joined: SeveralIssuers;

type TestIssuer = Awaited<ReturnType<typeof open>>['issuer'];

beforeEach(async () => {
  const [one, other] = [await open(), await open()];
  issuers = [one.issuer, other.issuer];
  trusts = [one.trust, other.trust];
  joined = severalIssuers(trusts);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open() {
  let statement = '';
  const server = await serve((_request, response) => response.end(statement));
  closers.push(server.close);
  const issuer = createTestIssuer({ issuer: server.url });
  statement = issuer.statement();
  const trust = await openTrust({ issuer: issuer.issuer, audience: 'orders', anchors: issuer.anchors });
  closers.push(trust.close);
  return { issuer, trust };
}

const judge = (token?: string) =>
  joined.judge({ rawHeaders: token === undefined ? [] : ['Authorization', `Bearer ${token}`] });

it('the verifier of its issuer judges a token', async () => {
  for (const issuer of issuers) {
    const token = issuer.token({ sub: issuer.issuer });
    await expect(joined.verify(token)).resolves.toMatchObject({ sub: issuer.issuer });
    expect(await judge(token)).toMatchObject({ claims: { iss: issuer.issuer } });
    expect(joined.revocationFault(issuer.claims())).toBeUndefined();
  }
  expect(joined.isReady()).toBe(true);
});

it('the key of one issuer does not sign for the other', async () => {
  const [one, other] = issuers;
  await expect(joined.verify(one.token({ iss: other.issuer }))).rejects.toMatchObject({
    code: 'unknown_kid',
  });
  await expect(joined.verify(other.token({}, { signWith: one.key }))).rejects.toMatchObject({
    code: 'unknown_kid',
  });
});

it.each<[string, () => string | undefined]>([
  ['of another issuer', () => issuers[0].token({ iss: 'https://another.test' })],
  ['of an issuer with one more slash', () => issuers[1].token({ iss: `${issuers[1].issuer}/` })],
  ['with a list of issuers', () => issuers[0].token({ iss: issuers.map(({ issuer }) => issuer) })],
  ['with an issuer that is no text', () => issuers[0].token({ iss: { toString: 1 } })],
  ['without an issuer', () => issuers[0].token({ iss: undefined })],
  ['that is none', () => 'no.token'],
  ['that is absent', () => undefined],
])('a token %s is refused', async (_what, tokenOf) => {
  const { refusal } = await judge(tokenOf());
  expect(refusal).toMatchObject({ status: 401 });
});

it('it is ready when all are, and all are closed with it', async () => {
  const waiting = await openTrust({
    issuer: 'http://127.0.0.1:1',
    audience: 'orders',
    anchors: createTestIssuer().anchors,
    issuerFetchUrl: 'none',
  });
  const three = severalIssuers([...trusts, waiting]);
  expect(three.isReady()).toBe(false);
  await three.close();
});

it('none, or one twice, is an error', () => {
  expect(() => severalIssuers([])).toThrow('at least one');
  expect(() => severalIssuers([trusts[0], trusts[0]])).toThrow('the same issuer');
});
