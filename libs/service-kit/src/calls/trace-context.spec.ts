import { describe, expect, it } from '@jest/globals';
import { traceContextOf, traceHeaders } from './trace-context.js';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const good = `00-${id}-${parentId}-01`;

describe('traceContextOf', () => {
  it.each([
    ['a valid traceparent', good, '01'],
    ['a later version, with more at its end', `cc-${id}-${parentId}-03-what-else`, '03'],
    ['a later version', `01-${id}-${parentId}-00`, '00'],
  ])('reads %s', (_name, traceparent, flags) => {
    expect(traceContextOf({ traceparent })).toEqual({ traceId: id, flags, state: undefined });
  });

  it.each<[string, string | string[] | undefined]>([
    ['nothing', undefined],
    ['an empty text', ''],
    ['upper case', good.toUpperCase()],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${parentId}-01`],
    ['a parent id of zeros', `00-${id}-${'0'.repeat(16)}-01`],
    ['the forbidden version', `ff-${id}-${parentId}-01`],
    ['more at the end of version 00', `${good}-more`],
    ['a short id', `00-${id.slice(1)}-${parentId}-01`],
    ['a blank', ` ${good}`],
    ['two of them', `${good}, ${good}`],
    ['a list', [good]],
  ])('begins a trace for %s, and drops the state', (_name, traceparent) => {
    const trace = traceContextOf({ traceparent, tracestate: 'a=1' });
    expect(trace).toEqual({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/), flags: '00' });
    expect(trace.traceId).not.toBe(id);
  });

  it('keeps a state of up to 512 characters', () => {
    const stateOf = (tracestate: string) => traceContextOf({ traceparent: good, tracestate }).state;
    expect(stateOf('a=1,b=2')).toBe('a=1,b=2');
    expect(stateOf('x'.repeat(512))).toHaveLength(512);
    expect(stateOf('x'.repeat(513))).toBeUndefined();
    expect(stateOf('a=\n')).toBeUndefined();
  });
});

it('traceHeaders keeps the trace and makes a new parent each time', () => {
  const trace = { traceId: id, flags: '01', state: 'a=1' };
  const [first, second] = [traceHeaders(trace), traceHeaders(trace)];
  expect(first).toEqual({
    traceparent: expect.stringMatching(`^00-${id}-[0-9a-f]{16}-01$`),
    tracestate: 'a=1',
  });
  expect(first['traceparent']).not.toBe(second['traceparent']);
  expect(traceHeaders({ traceId: id, flags: '00' })).not.toHaveProperty('tracestate');
});
