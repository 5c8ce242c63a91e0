/**
 * What stands in for auth, for the tokens with a public key: it alone has the private keys. It signs tokens, statements and
 * revocations for real, and sends them over NATS and HTTP as auth does. It has no accounts, and its keys do not rotate.
 */
import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { NatsConnection } from '@nats-io/transport-node';
import { KEYSET_MEDIA_TYPE, KEYSET_PATH, KEYSET_SUBJECT, revocationSubject } from '#statements';
import { createTestIssuer, serve, type TestIssuer, type TestNats } from '#testing';
import { connectNats, type NatsLink } from '#trust/nats';
import { SERVICE } from '../ways/public-key.js';
import { TOKEN_SECONDS, type FactsOf } from '../ways/way.js';

/** auth takes 5 s. Here nobody wants to wait at the start. */
const STATEMENT_EVERY_MS = 1_000;

export class Issuer {
  private revoked = 0;
  private signer!: TestIssuer;
  private server!: Awaited<ReturnType<typeof serve>>;
  private link!: NatsLink;
  private connection!: NatsConnection;
  private statement = '';
  private timer: NodeJS.Timeout | undefined;

  private constructor(private readonly nats: TestNats) {}

  static async start(nats: TestNats): Promise<Issuer> {
    const issuer = new Issuer(nats);
    issuer.server = await serve(issuer.listener);
    issuer.signer = createTestIssuer({ issuer: issuer.url });
    const service = 'auth';
    issuer.link = connectNats({ servers: nats.url, nkeySeed: nats.nkeySeed(service), service });
    issuer.connection = await issuer.link.connection;
    issuer.timer = setInterval(() => issuer.publishStatement(), STATEMENT_EVERY_MS);
    issuer.publishStatement();
    return issuer;
  }

  get url(): string {
    return this.server.url;
  }

  /** What each instance is told: public keys, and how it reaches NATS. */
  get facts(): FactsOf<'public-key'> {
    const { url: natsUrl } = this.nats;
    const { issuer, anchor } = this.signer;
    const nkeySeed = this.nats.nkeySeed(SERVICE);
    return { way: 'public-key', issuer, anchor: anchor.publicPem, natsUrl, nkeySeed };
  }

  logIn(account: string): string {
    const exp = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
    return this.signer.token({ sub: account, sid: randomUUID(), aud: SERVICE, roles: ['customer'], exp });
  }

  /** Revokes the session that the token names. */
  logOut(token: string): void {
    const payload = Buffer.from(token.split('.')[1]!, 'base64url').toString();
    const { sid } = JSON.parse(payload) as { sid: string };
    this.revoked += 1;
    this.connection.publish(revocationSubject(this.revoked), this.signer.revocation(this.revoked, { sid }));
  }

  /** Ends it: no more logins, logouts and statements. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all([this.server.close(), this.link.close()]);
  }

  private publishStatement(): void {
    const to = this.revoked;
    this.statement = this.signer.statement({ revocations: { from: Math.min(1, to), to } });
    this.connection.publish(KEYSET_SUBJECT, this.statement);
  }

  private readonly listener: RequestListener = (request, response) => {
    const type = request.url === KEYSET_PATH ? KEYSET_MEDIA_TYPE : 'application/json';
    this.answer(request).then(
      (body) => response.writeHead(200, { 'content-type': type }).end(body),
      () => response.writeHead(400).end(),
    );
  };

  private async answer(request: IncomingMessage): Promise<string> {
    if (request.url === KEYSET_PATH) return this.statement;
    const body = (await buffer(request)).toString();
    if (request.url === '/login') {
      const { account } = JSON.parse(body) as { account: string };
      return JSON.stringify({ credential: this.logIn(account) });
    }
    this.logOut(request.headers.authorization!.slice('Bearer '.length));
    return '{}';
  }
}
