import { Module } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { Authenticator } from '../authenticate.js';
import { KeyRing, type Freshness } from '../key-ring.js';

const FRESHNESS: readonly Freshness[] = ['empty', 'confirmed', 'unconfirmed', 'stale'];

/**
 * Adds the facts of `GET /trust` to the application's prom-client `Registry`, which must be injectable. They are read
 * when they are scraped, so they cost nothing while a request is verified.
 */
@Module({})
export class TrustMetricsModule {
  constructor(registry: Registry, ring: KeyRing, authenticator: Authenticator) {
    const epoch = () => ring.facts().epoch ?? 0;
    gauge(
      registry,
      'trust_keyset_epoch',
      'Epoch of the key-set statement that is held; 0 without one.',
      epoch,
    );
    new Gauge({
      name: 'trust_keyset_freshness',
      help: '1 for the state that the key ring is in, 0 for the others.',
      labelNames: ['state'],
      registers: [registry],
      collect() {
        const present = ring.freshness();
        for (const state of FRESHNESS) this.set({ state }, state === present ? 1 : 0);
      },
    });
    mirror(registry, 'trust_statements_accepted_total', 'Key-set statements accepted.', 'channel', () => {
      return ring.facts().statements.accepted;
    });
    mirror(registry, 'trust_statements_refused_total', 'Key-set statements refused.', 'reason', () => {
      return ring.facts().statements.refused;
    });
    gauge(registry, 'trust_revocations_held', 'Revocations held.', () => {
      return Object.values(ring.facts().revocations.held).reduce((sum, count) => sum + count, 0);
    });
    gauge(registry, 'trust_revocations_missing', 'Revocations that exist and are not held.', () => {
      return ring.facts().revocations.missing;
    });
    gauge(
      registry,
      'trust_revocations_age_seconds',
      'Time since the view was known to be complete; +Inf if it never was.',
      () => ring.revocations.age(),
    );
    mirror(registry, 'trust_revocations_refused_total', 'Revocations refused.', 'reason', () => {
      return ring.facts().revocations.refused;
    });
    mirror(registry, 'trust_requests_total', 'Requests judged by the guard.', 'outcome', () =>
      authenticator.counts(),
    );
  }
}

function gauge(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value());
    },
  });
}

/** Makes a counter whose values are kept elsewhere and only grow. */
function mirror(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  counts: () => Record<string, number>,
) {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, count] of Object.entries(counts())) this.inc({ [label]: value }, count);
    },
  });
}
