import { describe, expect, it } from '@jest/globals';
import { createLogger } from './logging.js';
import { nestLogger } from './nest-logger.js';
import { currentRequestId, requestIdFor, withRequest } from './request-context.js';

function capture(level = 'debug') {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { lines, logger: createLogger({ service: 'orders', level, destination: { write } }) };
}

describe('createLogger', () => {
  it('writes JSON with the service, the time and the level by name', () => {
    const { lines, logger } = capture('info');
    logger.info({ count: 1 }, 'hello');
    logger.debug('not at this level');
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        service: 'orders',
        count: 1,
        msg: 'hello',
      },
    ]);
  });

  it('adds the request id across awaits', async () => {
    const { lines, logger } = capture();
    await withRequest({ id: 'r1' }, async () => {
      await Promise.resolve();
      logger.info('inside');
    });
    logger.info('outside');
    expect(lines.map((line) => line['requestId'])).toEqual(['r1', undefined]);
  });

  it('blanks fields that are named like secrets', () => {
    const { lines, logger } = capture();
    logger.info({ password: 's3cret', headers: { authorization: 's3cret', cookie: 's3cret', host: 'h' } });
    expect(JSON.stringify(lines)).not.toContain('s3cret');
    expect(lines[0]).toMatchObject({ headers: { host: 'h' } });
  });

  it('writes an error with its causes, and none of its other properties', () => {
    const { lines, logger } = capture();
    const cause = Object.assign(new Error('duplicate key'), { code: '23505', parameters: ['s3cret'] });
    logger.error({ err: new Error('query failed', { cause }) });
    expect(lines[0]).toMatchObject({
      err: {
        message: 'query failed',
        stack: expect.any(String),
        cause: { code: '23505', message: 'duplicate key' },
      },
    });
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });

  it("writes Nest's messages", () => {
    const { lines, logger } = capture();
    const nest = nestLogger(logger);
    nest.log('mapped', 'RouterExplorer');
    nest.error(new Error('broken'), 'Injector');
    nest.warn({ a: 1 });
    nest.log('the key set is kept', 'keys');
    nest.log({ event: 'logout', session: 's1' }, 'security');
    expect(lines).toMatchObject([
      { level: 'debug', msg: 'mapped', context: 'RouterExplorer' },
      { level: 'error', msg: 'broken', err: { message: 'broken' } },
      { level: 'warn', a: 1 },
      { level: 'info', msg: 'the key set is kept', context: 'keys' },
      { level: 'info', msg: 'logout', context: 'security', event: 'logout', session: 's1' },
    ]);
  });
});

describe('requestIdFor', () => {
  it.each([['a'], ['A-z_0.9'], ['x'.repeat(64)]])('accepts %s', (id) => {
    expect(requestIdFor(id)).toBe(id);
  });
  it.each([[undefined], [''], ['x'.repeat(65)], ['a b'], ['a\n{"level":"fatal"}'], [['a', 'b']]])(
    'replaces %j',
    (id) => {
      expect(requestIdFor(id)).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    },
  );
  it('has none outside of a request', () => {
    expect(currentRequestId()).toBeUndefined();
  });
});
