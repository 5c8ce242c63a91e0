/** What a case is: a request, and what a resource server must make of it. */
import type { Json, RunningTestIssuer, TestAlg, TestKey } from '../../libs/testing/src/package.js';
import type { Sent } from './target.js';

/** What the cases use to make their requests. */
export interface World {
  readonly issuer: RunningTestIssuer;
  readonly audience: string;
  /** Makes a token that the target must accept. Claims and header members change it. */
  readonly token: (claims?: Json, signing?: { signWith?: TestKey; header?: Json }) => string;
  /** A key that the issuer never published. */
  readonly attacker: TestKey;
  /** Where the attacker publishes this key. The target must not look there. */
  readonly attackerUrl: string;
}

export interface Case {
  readonly name: string;
  /** The section that asks for the expected answer. */
  readonly rfc: string;
  /** The algorithms of the issuer for which the case exists. Default: all. */
  readonly algs?: readonly TestAlg[];
  /** Default: the request is refused with 401. */
  readonly expected?: 'accepted' | 'forbidden';
  /** Statuses beside 401 that are as good. */
  readonly also?: readonly number[];
  /** Why a target that accepts the request breaks no RFC. */
  readonly allowed?: string;
  /** The same, for a target that does not claim RFC 9068. */
  readonly allowedWithout9068?: string;
  /** Whether the target may end the connection without an answer. */
  readonly mayClose?: boolean;
  readonly sent: (world: World) => Sent;
}

/** The three parts of a token. */
export function partsOf(token: string): [header: string, payload: string, signature: string] {
  return token.split('.') as [string, string, string];
}
