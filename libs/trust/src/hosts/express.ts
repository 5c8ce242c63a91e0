/** The verifier as a middleware of Express. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Requirement, Trust } from '../open-trust.js';
import { keepCaller } from './callers.js';
import { requireToken as requireTokenOf } from './http.js';

export { callerOf } from './callers.js';

/** Makes a middleware that lets requests in only with a good token. {@link callerOf} then has its claims. */
export function requireToken(trust: Pick<Trust, 'judge'>, required?: Requirement) {
  const admit = requireTokenOf(trust, required);
  return (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
    admit(request, response).then((claims) => {
      if (!claims) return;
      keepCaller(request, claims);
      next();
    }, next);
  };
}
