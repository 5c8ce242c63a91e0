import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer, RequestParts } from '#testing';
import { PASSWORD, startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
let admin: string;
let customer: string;
const answers: Answer[] = [];

beforeAll(async () => {
  auth = await startAuth({ settings: { failedLoginsPerAccount: 1_000 } });
  admin = await auth.login('admin');
  customer = await auth.login();
});
afterAll(() => auth?.close());

async function send(method: string, path: string, parts: RequestParts = {}): Promise<Answer> {
  const answer = await auth.send(method, path, parts);
  answers.push(answer);
  return answer;
}

const EMAIL = 'maria@example.test';
const leaked = { reason: 'compromised' };
const credentials = { email: EMAIL, password: PASSWORD };
const withBody = [
  ['POST', '/auth/register'],
  ['POST', '/auth/login'],
  ['POST', '/admin/keys/rotate'],
  ['POST', '/admin/keys/some-kid/revoke'],
] as const;

const badBodies: [string, unknown, number][] = [
  ['malformed JSON', '{"email": ', 400],
  ['text', '"text"', 400],
  ['a list', '[]', 400],
  ['null', 'null', 400],
  ['an unknown field', { ...credentials, extra: 1 }, 400],
  ['numbers', '{"email": 1e400, "password": 9007199254740993, "alg": 1e308, "reason": -0}', 400],
  ['objects for texts', { email: {}, password: [], alg: { $ne: null }, reason: ['x'] }, 400],
  ['NUL', { email: 'a\0@example.test', password: 'a\0'.repeat(20), alg: 'ES256\0', reason: '\0' }, 400],
  ['the key __proto__', '{"__proto__": {"roles": ["admin"]}, "email": "a@b.test", "password": "x"}', 400],
  [
    'the key constructor',
    '{"constructor": {"prototype": {"a": 1}}, "email": "a@b.test", "password": "x"}',
    400,
  ],
  ['2 MB', JSON.stringify({ ...credentials, password: 'x'.repeat(2_000_000) }), 413],
  ['depth', `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`, 400],
];

describe.each(withBody)('%s %s', (method, path) => {
  it.each(badBodies)('refuses %s', async (_name, body, status) => {
    const answer = await send(method, path, { body, token: admin });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({ status, code: expect.any(String), requestId: expect.any(String) });
  });

  it.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/xml', 415],
    ['multipart/form-data', 415],
    ['x', 415],
  ])('refuses %s', async (type, status) => {
    const answer = await send(method, path, { body: '{}', token: admin, headers: { 'content-type': type } });
    expect(answer.status).toBe(status);
  });
});

it.each(withBody.filter(([, path]) => path !== '/admin/keys/rotate'))(
  '%s %s refuses an empty body',
  async (method, path) => {
    const answer = await send(method, path, { body: '', token: admin });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  },
);

describe('a route that needs no body takes a content type without one', () => {
  it.each([['application/json'], ['application/x-www-form-urlencoded'], ['text/plain']])(
    '%s',
    async (type) => {
      const headers = { 'content-type': type };
      const token = await auth.login();
      expect(await send('POST', '/auth/logout', { token, headers })).toMatchObject({ status: 204, text: '' });
    },
  );
});

describe('the field that is wrong is named', () => {
  it.each<[string, string, Record<string, unknown>, string]>([
    ['/auth/register', 'no e-mail', { password: PASSWORD }, 'email'],
    ['/auth/register', 'no password', { email: EMAIL }, 'password'],
    ['/auth/register', 'an address without @', { email: 'maria', password: PASSWORD }, 'email'],
    [
      '/auth/register',
      'an address of 255',
      { email: `${'a'.repeat(243)}@example.test`, password: PASSWORD },
      'email',
    ],
    // Addresses are ASCII (RFC 5321): NFC and NFD of one name are refused alike, so neither can pass for the other.
    ['/auth/register', 'é in NFC', { email: 'jos\u00e9@example.test', password: PASSWORD }, 'email'],
    ['/auth/register', 'é in NFD', { email: 'jose\u0301@example.test', password: PASSWORD }, 'email'],
    [
      '/auth/register',
      'an invisible space',
      { email: 'maria\u200b@example.test', password: PASSWORD },
      'email',
    ],
    [
      '/auth/register',
      'a line break',
      { email: 'maria@example.test\r\nBcc: x', password: PASSWORD },
      'email',
    ],
    ['/auth/register', 'markup', { email: '<script>@example.test', password: PASSWORD }, 'email'],
    ['/auth/register', 'a password of 1,025', { email: EMAIL, password: 'x'.repeat(1_025) }, 'password'],
    ['/auth/login', 'an empty password', { email: EMAIL, password: '' }, 'password'],
    ['/auth/login', 'an audience of 65', { ...credentials, audience: 'x'.repeat(65) }, 'audience'],
    ['/auth/login', 'two audiences', { ...credentials, audience: ['orders', 'auth'] }, 'audience'],
    ['/admin/keys/rotate', 'none', { alg: 'none' }, 'alg'],
    ['/admin/keys/rotate', 'a MAC', { alg: 'HS256' }, 'alg'],
    ['/admin/keys/rotate', 'an algorithm of a prototype', { alg: 'constructor' }, 'alg'],
    ['/admin/keys/x/revoke', 'no reason', {}, 'reason'],
    ['/admin/keys/x/revoke', 'words for a reason', { reason: 'stolen' }, 'reason'],
    ['/admin/keys/x/revoke', 'a note of 201', { ...leaked, note: 'x'.repeat(201) }, 'note'],
    ['/admin/keys/x/revoke', 'half of a surrogate pair', { ...leaked, note: 'x\ud800' }, 'note'],
    ['/admin/keys/x/revoke', 'a yes for true', { ...leaked, includeStandby: 'yes' }, 'includeStandby'],
  ])('%s: %s', async (path, _name, body, field) => {
    const answer = await send('POST', path, { body, token: admin });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field);
  });
});

describe('what only looks harmful', () => {
  it.each([
    "' OR 1=1 --",
    "'; DROP TABLE account; --",
    '../../../etc/passwd',
    '${7*7}',
    '\u202e\ufeff',
    '%00',
  ])('is a password like any other: %j', async (text) => {
    const password = `${text} and four more words`;
    const email = `p${Buffer.from(text).toString('hex')}@example.test`;
    expect((await send('POST', '/auth/register', { body: { email, password } })).status).toBe(201);
    expect((await send('POST', '/auth/login', { body: { email, password } })).status).toBe(200);
    const wrong = await send('POST', '/auth/login', { body: { email, password: `${password}.` } });
    expect(wrong.status).toBe(401);
  });

  it.each([
    ["x' OR true --", 404],
    ['../../keys', 404],
    ['..%2f..%2fetc%2fpasswd', 404],
    ['%00', 400],
    ['%c0%ae%c0%ae', 400],
    ['%', 400],
    ['__proto__', 404],
    ['x'.repeat(5_000), 404],
  ])('finds no key %.20s', async (kid, status) => {
    const path = `/admin/keys/${kid}/revoke`;
    const answer = await send('POST', path, { token: admin, body: leaked });
    expect(answer.status).toBe(status);
  });

  it.each([
    '/auth',
    '/auth/',
    '/auth/login/',
    '/admin',
    '/AUTH/ME',
    '//auth/me',
    '/auth/me/../me/x',
    '/.git/config',
  ])('finds no route %s', async (path) => {
    expect(await send('GET', path, { token: admin })).toMatchObject({
      status: 404,
      body: { code: 'route_not_found' },
    });
  });
});

describe('Authorization', () => {
  const me = (...lines: string[]) => auth.raw(['GET /auth/me HTTP/1.1', ...lines]);
  const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

  it('is taken once', async () => {
    expect(statusOf(await me(`authorization: Bearer ${customer}`))).toBe(200);
  });

  it('is refused when it comes twice, in whatever spelling and order', async () => {
    const lines = [
      `authorization: Bearer ${customer}`,
      'Authorization: Bearer x',
      'AUTHORIZATION: Basic eDp5',
    ];
    for (const [one, other] of [
      [0, 1],
      [1, 0],
      [0, 2],
      [0, 0],
    ] as const) {
      const answer = await me(lines[one]!, lines[other]!);
      expect(statusOf(answer)).toBe(400);
      expect(answer).toContain('www-authenticate: Bearer error="invalid_request"');
    }
  });

  it.each([
    ['none', []],
    ['Basic', ['authorization: Basic eDp5']],
    ['Bearer and nothing', ['authorization: Bearer']],
    ['Bearer and blanks', ['authorization: Bearer    ']],
    ['two tokens', ['authorization: Bearer a b']],
    ['a list', ['authorization: Bearer a, Bearer b']],
    ['9 kB', [`authorization: Bearer ${'x'.repeat(9_000)}`]],
    ['9 kB in three segments', [`authorization: Bearer ${`${'e'.repeat(3_000)}.`.repeat(3).slice(0, -1)}`]],
    ['the token in the query', ['x-nothing: 1']],
    ['a cookie', ['cookie: token=x']],
  ])('is refused with %s', async (name, lines) => {
    const path = name === 'the token in the query' ? `/auth/me?access_token=${customer}` : '/auth/me';
    const answer = await auth.raw([`GET ${path} HTTP/1.1`, ...lines]);
    expect(statusOf(answer)).toBe(401);
    expect(answer).toContain('www-authenticate: Bearer');
    expect(answer).not.toContain('eeee');
  });

  it('beyond the limit of all headers is 431', async () => {
    expect(statusOf(await me(`authorization: Bearer ${'x'.repeat(20_000)}`))).toBe(431);
  });

  it('is not looked at where a route is public', async () => {
    const answer = await auth.raw([
      'GET /.well-known/jwks.json HTTP/1.1',
      'authorization: x',
      'authorization: y',
    ]);
    expect(statusOf(answer)).toBe(200);
  });

  it.each([
    ['a body longer than it says', ['content-length: 2', 'content-length: 40']],
    ['two framings', ['content-length: 2', 'transfer-encoding: chunked']],
    ['a header that is none', ['bad header']],
  ])('and %s end the connection with a 400', async (_name, lines) => {
    const answer = await auth.raw(['POST /auth/login HTTP/1.1', 'content-type: application/json', ...lines]);
    expect(statusOf(answer)).toBe(400);
  });
});

// The last: it looks back at all that was answered and logged above.
describe('through all of this', () => {
  it('there was no 5xx, no stack, no SQL, no path of ours', () => {
    expect(answers.length).toBeGreaterThan(100);
    for (const { status, text } of answers) {
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(/\bat .*:\d+:\d+|node_modules|\/src\/|SELECT|INSERT|QueryFailed/);
    }
  });

  it('nothing secret was logged', async () => {
    const log = auth.logged();
    expect(log).toContain('"route":"/auth/login"');
    const secrets = [PASSWORD, 'and four more words', admin, customer, customer.split('.')[2]!, '$argon2id'];
    const { keyEncryptionKey, trustAnchorPrivate, databasePassword } = auth.settings;
    secrets.push(
      ...keyEncryptionKey,
      databasePassword,
      ...trustAnchorPrivate.map((pem) => pem.split('\n')[1]!),
    );
    for (const { seal } of await auth.owner.query<{ seal: string }[]>('SELECT seal FROM signing_key'))
      secrets.push(seal);
    for (const secret of secrets) expect(log).not.toContain(secret);
    expect(log).not.toMatch(/eyJ[\w-]+\.eyJ[\w-]+\./);
  });

  it('nothing was lost', async () => {
    expect((await auth.send('GET', '/auth/me', { token: customer })).status).toBe(200);
    const [{ active }] = await auth.owner.query(
      `SELECT count(*)::int AS active FROM signing_key WHERE status = 'active'`,
    );
    expect(active).toBe(1);
  });
});
