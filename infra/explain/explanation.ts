/** Judges one token, and tells the steps up to the first one that fails. */
import { type AccessTokenClaims, TrustError } from '#trust';
import { steps, type StepCode } from './steps.js';

/** What the token is judged for. */
export interface Question {
  readonly token: string;
  /** The scopes that a route asks for. */
  readonly scopes: readonly string[];
  /** The client that must act for the account. */
  readonly actor?: string | undefined;
  /** Whether the service asks for encrypted tokens. */
  readonly encrypted: boolean;
}

export interface Explanation {
  readonly accepted: boolean;
  readonly lines: readonly string[];
}

const codes = Object.keys(steps) as StepCode[];
const width = Math.max(...codes.map((code) => code.length));

/** @throws what `verify` threw, if it is not the refusal of a token */
export async function explain(
  { token, scopes, actor, encrypted }: Question,
  verify: (
    token: string,
    required: { scopes: readonly string[]; actor?: string },
  ) => AccessTokenClaims | Promise<AccessTokenClaims>,
): Promise<Explanation> {
  const asked = codes.filter((code) => {
    if (code === 'not_encrypted' || code === 'undecryptable') return encrypted;
    if (code === 'wrong_actor') return actor !== undefined;
    return code !== 'insufficient_scope' || scopes.length > 0;
  });
  try {
    await verify(token, { scopes, ...(actor !== undefined && { actor }) });
    return { accepted: true, lines: [...asked.map((code) => line('ok', code)), '', 'It is accepted.'] };
  } catch (error) {
    if (!(error instanceof TrustError) || !isStep(error.code)) throw error;
    const at = asked.indexOf(error.code);
    // An encrypted token has a form and a header of its own. The code does not say which of the two is meant.
    const passed = encrypted ? [] : asked.slice(0, at);
    const unreached = asked.length - at - 1;
    return {
      accepted: false,
      lines: [
        ...passed.map((code) => line('ok', code)),
        line('FAILS', error.code),
        '',
        `It is refused: ${error.message}.${unreached > 0 ? ` ${unreached} later steps were not reached.` : ''}`,
      ],
    };
  }
}

function isStep(code: string): code is StepCode {
  return Object.hasOwn(steps, code);
}

function line(verdict: string, code: StepCode): string {
  const { holds, rfc } = steps[code];
  return `${verdict.padEnd(5)}  ${code.padEnd(width)}  ${holds}${rfc === undefined ? '' : ` (${rfc})`}`;
}
