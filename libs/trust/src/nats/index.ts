/** The connection to NATS that a verifier listens on, and that a service sends its events over. */
export {
  connectNats,
  instanceName,
  type NatsChange,
  type NatsLink,
  type NatsOptions,
} from './connect-nats.js';
