/** Runs the recipe of decision 0021 with a real NATS, and compares it with the page. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { NATS_LINK, NatsModule } from '#service-kit';
import { eventually, startTestNats, type TestNats } from '#testing';
import { connectNats, type NatsLink } from '#trust/nats';
import { readProjectFile } from '../../infra/project.js';
import { EventPattern, EventPatternModule } from './event-pattern.js';

// orders may receive this subject, and auth may publish it.
const subject = 'trust.revocation.>';
const received: unknown[] = [];
const ignore = () => undefined;

@Injectable()
class Revocations {
  private readonly answer = 'kept';

  @EventPattern(subject)
  handle(event: { jti: string; bad?: boolean }): void {
    if (event.bad === true) throw new Error('this event cannot be handled');
    received.push({ ...event, answer: this.answer });
  }
}

@Module({ imports: [EventPatternModule], providers: [Revocations] })
class OrdersModule {}

let server: TestNats;
let auth: NatsLink;
let publisher: NatsConnection;
let app: INestApplicationContext;

const publish = (event: unknown) => {
  const text = typeof event === 'string' ? event : JSON.stringify(event);
  publisher.publish('trust.revocation.token.1', text);
};

beforeAll(async () => {
  server = await startTestNats();
  auth = connectNats({
    servers: server.url,
    nkeySeed: server.nkeySeed('auth'),
    service: 'auth',
    instance: 'auth',
  });
  publisher = await auth.connection;
});
afterAll(async () => {
  await auth.close();
  await server.close();
});

beforeEach(async () => {
  received.length = 0;
  const nats = { natsUrl: server.url, natsNkeySeed: server.nkeySeed('orders'), logLevel: 'silent' } as const;
  const builder = Test.createTestingModule({ imports: [NatsModule.forRoot('orders', nats), OrdersModule] });
  app = await builder
    .setLogger({ log: ignore, warn: ignore, error: ignore })
    .compile()
    .then((module) => module.init());
  await app.get<NatsLink>(NATS_LINK).connection.then((connection) => connection.flush());
});
afterEach(() => app.close());

describe('the recipe for @EventPattern', () => {
  it('gives each event to its handler, with its `this`', async () => {
    publish({ jti: '1' });
    await eventually(() => received.length > 0);
    expect(received).toEqual([{ jti: '1', answer: 'kept' }]);
  });

  it('goes on after an event that is no JSON, and after a handler that failed', async () => {
    for (const event of ['{', { jti: '2', bad: true }, { jti: '3' }]) publish(event);
    await eventually(() => received.length > 0);
    expect(received).toEqual([{ jti: '3', answer: 'kept' }]);
  });

  it('receives again after NATS was away', async () => {
    await server.stop();
    await server.start();
    await eventually(() => {
      publish({ jti: '4' });
      return received.length > 0;
    });
    expect(received[0]).toEqual({ jti: '4', answer: 'kept' });
  });

  it('stands in the decision as it is here', () => {
    const page = readProjectFile('docs/decisions/0021-plain-nats.md');
    expect(page).toContain(`\`\`\`ts\n${readProjectFile('scenarios/event-pattern/event-pattern.ts')}\`\`\``);
  });
});
