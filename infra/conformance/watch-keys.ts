/** Watches the key set of an issuer, and tells which keys appear and leave. */
import { setTimeout as sleep } from 'node:timers/promises';
import { printable } from '../printable.js';
import type { Measurement } from './measure.js';

const POLL_MS = 1_000;
/** How many keys of an answer, and of all of them, are followed. */
const [MAX_KEYS, MAX_KNOWN] = [500, 5_000];

/** The life of a key while it was watched, in seconds since the beginning. Undefined: before it, or not until the end. */
interface Seen {
  appeared: number | undefined;
  left: number | undefined;
}

interface WatchOptions {
  /** Milliseconds between two polls. Default 1,000. */
  readonly pollMs?: number;
  /** Is called after each poll that did not fail, and is waited for. */
  readonly onPoll?: (published: readonly string[]) => Promise<void>;
}

/** @param kids fetches the key ids that are published now; a rejection is a poll that failed */
export async function watchKeys(
  kids: () => Promise<readonly string[]>,
  watchMs: number,
  { pollMs = POLL_MS, onPoll }: WatchOptions = {},
): Promise<Measurement[]> {
  const begun = performance.now();
  const passed = () => (performance.now() - begun) / 1_000;
  const known = new Map<string, Seen>();
  let [polls, failed] = [0, 0];
  do {
    const published = await kids().catch(() => undefined);
    if (published) note(known, published, polls === failed ? undefined : passed());
    else failed += 1;
    polls += 1;
    if (published) await onPoll?.(published);
    await sleep(pollMs);
  } while (passed() * 1_000 < watchMs);
  const rows = [...known].map(([kid, seen]) => ({ name: `key ${printable(kid)}`, result: lifeOf(seen) }));
  return [...rows, { name: 'polls', result: `${polls}, of which ${failed} failed` }];
}

/** @param at undefined for the first answer: its keys were there before */
function note(known: Map<string, Seen>, published: readonly string[], at: number | undefined): void {
  const now = new Set(published.slice(0, MAX_KEYS));
  for (const kid of now) {
    const seen = known.get(kid);
    if (!seen && known.size < MAX_KNOWN) known.set(kid, { appeared: at, left: undefined });
    else if (seen) seen.left = undefined;
  }
  for (const [kid, seen] of known) if (!now.has(kid)) seen.left ??= at;
}

function lifeOf({ appeared, left }: Seen): string {
  const from =
    appeared === undefined ? 'there from the beginning' : `appeared after ${appeared.toFixed(0)} s`;
  return `${from}, ${left === undefined ? 'there at the end' : `left after ${left.toFixed(0)} s`}`;
}
