/** The third way: a token, signed and checked with one secret (HS256). Every instance has the secret. */
import { createSecretKey } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { TOKEN_SECONDS, type FactsOf, type Way } from './way.js';

export function sharedSecret({ secret }: FactsOf<'shared-secret'>): Way {
  // Not the text: jsonwebtoken would try at each request whether it is a public key, which takes half a millisecond.
  const key = createSecretKey(Buffer.from(secret));
  return {
    logIn: (account) => jsonwebtoken.sign({}, key, { subject: account, expiresIn: TOKEN_SECONDS }),
    whoIs(token) {
      try {
        return jsonwebtoken.verify(token, key, { algorithms: ['HS256'] }).sub as string | undefined;
      } catch {
        return undefined;
      }
    },
    // No instance keeps anything about a token, so there is nothing to delete. The client throws its token away.
    logOut: () => undefined,
  };
}
