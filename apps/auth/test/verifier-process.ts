/**
 * Runs the libraries of third-party-verifiers.ts in a process of its own, with the loader of Node: Jest on Node 20 cannot
 * load jwks-rsa. Each message has an answer, in order.
 */
import { verifiers, type Library, type Verify, type VerifierOptions } from './third-party-verifiers.js';
import { failureOf, trusting } from './trusting.js';

/** Verifies a token. The verifier with this number is made at its first token, with these options. */
export interface Question {
  readonly verifier: number;
  readonly library: Library;
  readonly token: string;
  readonly options: Omit<VerifierOptions, 'trust'> & { readonly authority?: string | undefined };
}

/** Why the library refused the token; empty if it accepted the token. */
export interface Verdict {
  readonly failure: string;
}

const made: Promise<Verify>[] = [];

async function judge({ verifier, library, options: { authority, ...options }, token }: Question) {
  made[verifier] ??= verifiers[library]({ ...options, trust: trusting(authority) });
  const verify = await made[verifier];
  await verify(token);
}

process.on('message', (question: Question) => {
  void failureOf(judge(question)).then((failure) => process.send!({ failure } satisfies Verdict));
});
