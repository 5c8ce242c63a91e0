import { Agent } from 'node:https';
import { Agent as FetchAgent } from 'undici';

export type Trust = ReturnType<typeof trusting>;

/** The options by which libraries trust one authority and no other. Without one they trust those that Node trusts. */
export function trusting(authority?: string) {
  const ca = authority && { ca: authority };
  // The types of undici are newer than those of Node's own fetch, which takes this agent all the same.
  const fetchOptions: object = { dispatcher: new FetchAgent({ connect: { ...ca } }) };
  return {
    requestOptions: { ...ca },
    agent: new Agent({ ...ca }),
    fetchOptions,
    fetch: (url: string, init: object = {}): Promise<Response> => fetch(url, { ...init, ...fetchOptions }),
  };
}

/** Returns the codes and messages of the error that the promise fails with, and of its causes. Empty if it is fulfilled. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  const found: unknown[] = [];
  let error: unknown;
  try {
    await promise;
    return '';
  } catch (failure) {
    error = failure;
  }
  // Errors of other realms are no instances of Error. fast-jwt keeps the cause of its error as `originalError`.
  while (typeof error === 'object' && error !== null && found.length < 20) {
    const { code, message, cause, originalError } = error as Record<string, unknown>;
    found.push(code, message);
    error = cause ?? originalError;
  }
  return found.filter(Boolean).join(': ') || 'an error without a message';
}

/** How TLS says that it does not know the authority. */
export const UNKNOWN_AUTHORITY = /UNABLE_TO_VERIFY_LEAF_SIGNATURE|unable to verify the first certificate/;
