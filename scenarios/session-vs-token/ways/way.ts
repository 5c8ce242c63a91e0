/** What the four ways have in common: the same small API stands on each of them. */
import type { PostgresLogin } from '#testing';

/** One way to know who sends a request. A credential is what the client sends as `Authorization: Bearer`. */
export interface Way {
  /** Returns the credential of a new login. Absent where an issuer does this. */
  readonly logIn?: (account: string) => string | Promise<string>;
  /** Returns the account, or undefined if the credential is refused. */
  readonly whoIs: (credential: string) => string | undefined | Promise<string | undefined>;
  readonly logOut?: (credential: string) => void | Promise<void>;
  /** Removes sessions that have expired, and returns how many. Absent where nothing is stored. */
  readonly sweep?: () => number | Promise<number>;
  /** Returns the ids of all sessions in the memory of this process. */
  readonly idsInMemory?: () => readonly string[];
  /** Returns how many times this process has asked a store who a credential belongs to. */
  readonly lookUps?: () => number;
}

/** What an instance is told at its start. Somebody who steals an instance has this, and no more. */
export type Facts =
  | { readonly way: 'memory' }
  | { readonly way: 'store'; readonly postgres: PostgresLogin }
  | { readonly way: 'shared-secret'; readonly secret: string }
  | {
      readonly way: 'public-key';
      readonly issuer: string;
      /** The public half of the trust anchor, as PEM. */
      readonly anchor: string;
      readonly natsUrl: string;
      readonly nkeySeed: string;
    };

export type WayName = Facts['way'];
export type FactsOf<Name extends WayName> = Extract<Facts, { way: Name }>;

/** Returns Unix time in milliseconds. The experiment can move it, to let a day pass. */
export type Clock = () => number;

export const SESSION_SECONDS = 30 * 60;
export const TOKEN_SECONDS = 5 * 60;
