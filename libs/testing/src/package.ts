/** What the package of the verifier exports for tests. It uses nothing but Node. */
export {
  createTestIssuer,
  createTestKey,
  type Json,
  type TestAlg,
  type TestIssuer,
  type TestKey,
} from './test-issuer.js';
export {
  startTestIssuer,
  type RunningTestIssuer,
  type TestFetches,
  type TestIssuerOptions,
} from './test-issuer-server.js';
