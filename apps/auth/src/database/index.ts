/** The entities of the database, and the migrations that make their tables. */
import { Account } from '../accounts/account.entity.js';
import { ClientKey } from '../oauth/client-key.entity.js';
import { Client } from '../oauth/client.entity.js';
import { KeySetState } from '../key-set/key-set-state.entity.js';
import { SigningKey } from '../keys/signing-key.entity.js';
import { RevocationRecord } from '../revocations/revocation.entity.js';
import { Rotation } from '../rotation/rotation.entity.js';
import { RefreshFamily } from '../sessions/refresh-family.entity.js';
import { Session } from '../sessions/session.entity.js';
import { AccountsAndSessions1700000000001 } from './migrations/1-accounts-and-sessions.js';
import { SigningKeys1700000000002 } from './migrations/2-signing-keys.js';
import { Revocations1700000000003 } from './migrations/3-revocations.js';
import { VerifierPins1700000000004 } from './migrations/4-verifier-pins.js';
import { RevocationReasons1700000000005 } from './migrations/5-revocation-reasons.js';
import { SessionExpiry1700000000006 } from './migrations/6-session-expiry.js';
import { RotationWaits1700000000007 } from './migrations/7-rotation-waits.js';
import { KeyHistory1700000000008 } from './migrations/8-key-history.js';
import { RefreshTokens1700000000009 } from './migrations/9-refresh-tokens.js';
import { Clients1700000000010 } from './migrations/10-clients.js';
import { RevocationsByName1700000000011 } from './migrations/11-revocations-by-name.js';

export const entities = [
  Account,
  Session,
  RefreshFamily,
  SigningKey,
  KeySetState,
  Rotation,
  RevocationRecord,
  Client,
  ClientKey,
];

/** In their order. A released migration never changes. */
export const migrations = [
  AccountsAndSessions1700000000001,
  SigningKeys1700000000002,
  Revocations1700000000003,
  VerifierPins1700000000004,
  RevocationReasons1700000000005,
  SessionExpiry1700000000006,
  RotationWaits1700000000007,
  KeyHistory1700000000008,
  RefreshTokens1700000000009,
  Clients1700000000010,
  RevocationsByName1700000000011,
];
